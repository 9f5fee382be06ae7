using System.Text.RegularExpressions;

namespace SparseRM.Server.Tests;

/// <summary>What can be said of the unit and the Containerfile without a machine of their own.</summary>
public class DeployTests(Rewards rewards)
{
    private static string Folder => Path.Combine(SharedData.Root, "src", "SparseRM.Server", "deploy");

    [Fact]
    public void Systemd_takes_the_unit()
    {
        string analyze = Tool.Find("systemd-analyze", "the unit stays unread");
        using var folder = new TemporaryFolder();
        string unit = folder.File("sparserm.service");
        // It looks whether the program is there; everything else is as it is shipped.
        File.WriteAllText(unit, File.ReadAllText(Path.Combine(Folder, "sparserm.service")).Replace("/opt/sparserm/sparserm", "/bin/true", StringComparison.Ordinal));
        var (code, said) = Tool.Run(analyze, "verify", unit);
        Assert.True(code == 0 && said.Length == 0, said);
    }

    [Fact]
    public void The_container_s_health_check_tells_a_ready_server_from_none()
    {
        string shell = Tool.Find("bash", "the health check stays untried");
        string command = Regex.Match(File.ReadAllText(Path.Combine(Folder, "Containerfile")), """HEALTHCHECK .*CMD \["bash", "-c", "(.+)"\]""").Groups[1].Value.Replace("\\\\", "\\", StringComparison.Ordinal);
        Assert.Contains("/dev/tcp/127.0.0.1/8000", command);
        Assert.Equal(0, Tool.Run(shell, "-c", command.Replace("/8000", $"/{rewards.Server.Server.Address.Port}", StringComparison.Ordinal)).ExitCode);
        using var free = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        free.Start();
        int port = ((System.Net.IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        Assert.NotEqual(0, Tool.Run(shell, "-c", command.Replace("/8000", $"/{port}", StringComparison.Ordinal)).ExitCode);
    }

    [Fact]
    public void The_container_copies_what_there_is_and_starts_what_was_published()
    {
        string text = File.ReadAllText(Path.Combine(Folder, "Containerfile"));
        string project = Regex.Match(text, @"dotnet publish /source/(\S+)").Groups[1].Value;
        Assert.True(Directory.Exists(Path.Combine(SharedData.Root, project)), project);
        Assert.Contains("<AssemblyName>sparserm</AssemblyName>", File.ReadAllText(Path.Combine(SharedData.Root, project, "SparseRM.Cli.csproj")));
        Assert.Contains("""ENTRYPOINT ["/app/sparserm", "serve"]""", text);
        string framework = Regex.Match(File.ReadAllText(Path.Combine(SharedData.Root, "Directory.Build.props")), @"<TargetFramework>net([0-9.]+)<").Groups[1].Value;
        Assert.All(Regex.Matches(text, @"FROM mcr\.microsoft\.com/dotnet/\w+:(\S+)").ToArray(), image => Assert.Equal(framework, image.Groups[1].Value));
    }
}
