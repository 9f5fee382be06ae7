using System.Diagnostics;
using System.Globalization;
using SparseRM.Fuzz;

FuzzOptions options;
try
{
    options = FuzzOptions.Parse(args);
}
catch (ArgumentException error)
{
    Console.Error.WriteLine($"{error.Message}\n{FuzzOptions.Usage}");
    return 2;
}
if (options.Lists)
{
    foreach (var reader in ReaderCatalog.All) Console.WriteLine(reader.Name);
    return 0;
}
if (options.WorkerFolder is { } folder)
    return options.Replay is { } input ? Worker.Replay(ReaderCatalog.Named(options.Readers[0]), input, folder)
        : Worker.Run(ReaderCatalog.Named(options.Readers[0]), options, folder);

int faults = 0;
foreach (var reader in ReaderCatalog.All)
    if (options.Readers.Count == 0 || options.Readers.Contains(reader.Name))
        faults += RunWorker(reader) == 0 ? 0 : 1;
Console.WriteLine(faults == 0 ? "no faults" : $"{faults} readers with faults; inputs are in {options.Faults}");
return faults == 0 ? 0 : 1;

// A worker may die (stack, memory) or be ended (time): its last input then is the fault.
int RunWorker(FuzzReader reader)
{
    string folder = Directory.CreateTempSubdirectory("sparserm-fuzz-").FullName;
    try
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            Environment = { ["DOTNET_GCHeapHardLimit"] = "0x100000000", ["DOTNET_DbgEnableMiniDump"] = "0" },
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet") start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (string argument in (string[])[.. Arguments(), "--reader", reader.Name, "--worker", folder]) start.ArgumentList.Add(argument);
        using var worker = Process.Start(start)!;
        string said = worker.StandardError.ReadToEnd();
        worker.WaitForExit();
        if (worker.ExitCode is 0 or Worker.FoundFaults) return worker.ExitCode;
        string last = Worker.InputPath(reader, folder);
        string saved = File.Exists(last) ? Worker.Save(reader, options, worker.ExitCode == Watchdog.Hung ? "hang" : "death", File.ReadAllBytes(last)) : "no input";
        Console.WriteLine($"{reader.Name}: ({saved}): "
            + (worker.ExitCode == Watchdog.Hung ? $"took more than {Verdict.MaxTime.TotalSeconds * 2} s" : $"the process died with {worker.ExitCode}: {said[..Math.Min(said.Length, 2000)]}"));
        return worker.ExitCode;
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
}

IEnumerable<string> Arguments()
{
    yield return "--seed";
    yield return options.Seed.ToString(CultureInfo.InvariantCulture);
    yield return "--seconds";
    yield return options.Seconds.ToString(CultureInfo.InvariantCulture);
    yield return "--faults";
    yield return Path.GetFullPath(options.Faults);
    if (options.Iterations is { } iterations)
    {
        yield return "--iterations";
        yield return iterations.ToString(CultureInfo.InvariantCulture);
    }
    if (options.Replay is { } replay)
    {
        yield return "--replay";
        yield return Path.GetFullPath(replay);
    }
}
