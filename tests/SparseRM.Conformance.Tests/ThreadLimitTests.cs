using System.Diagnostics;

namespace SparseRM.Conformance;

/// <summary>Opening where the system starts fewer threads than asked for: in a process of its own, whose address space holds few stacks.</summary>
public sealed class ThreadLimitTests : IDisposable
{
    private const string Program = """
        #include <dlfcn.h>
        #include <stdio.h>
        #include <sys/resource.h>
        typedef int (*open_fn)(const char*, int, void**);
        typedef void (*close_fn)(void*);
        typedef const char* (*error_fn)();
        int main(int, char** args) {
          void* library = dlopen(args[1], RTLD_NOW);
          if (library == nullptr) return 3;
          open_fn open = (open_fn)dlsym(library, "srmk_backend_open");
          close_fn close = (close_fn)dlsym(library, "srmk_backend_close");
          error_fn error = (error_fn)dlsym(library, "srmk_last_error");
          rlimit stack = {8 << 20, 8 << 20}, space = {256 << 20, 256 << 20};
          if (setrlimit(RLIMIT_STACK, &stack) != 0 || setrlimit(RLIMIT_AS, &space) != 0) return 3;
          void* backend = nullptr;
          int status = open("cpu", 1000, &backend);
          printf("%d %s\n", status, error());
          int again = open("cpu", 3, &backend);
          printf("%d\n", again);
          if (again == 0) close(backend);
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-threads-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public void Says_how_many_threads_could_be_started_and_serves_a_smaller_number_after()
    {
        string source = Path.Combine(_folder, "open.cpp"), program = Path.Combine(_folder, "open");
        File.WriteAllText(source, Program);
        var compiled = Run("/bin/sh", "-c", $"c++ -o '{program}' '{source}' -ldl -pthread");
        Assert.SkipUnless(compiled.ExitCode == 0, $"needs a C++ compiler named c++: {compiled.Errors}");

        var (exitCode, output, errors) = Run(program, Path.Combine(AppContext.BaseDirectory, "libsparserm_kernels.so"));
        Assert.True(exitCode == 0, $"exit code {exitCode}: {errors}");
        var lines = output.Split('\n');
        Assert.Matches(@"^2 only [1-9]\d? of 1000 threads could be started; ask for fewer$", lines[0]);
        Assert.Equal("0", lines[1]);
    }

    private static (int ExitCode, string Output, string Errors) Run(string file, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
