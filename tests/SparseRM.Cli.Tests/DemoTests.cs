using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>What the command line adds to the demo; what the demo finds is held to the reference by the facade's tests.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class DemoTests
{
    [Fact]
    public void Json_has_rows_latents_and_an_example_whose_shares_add_up()
    {
        var json = Cli.Run("demo", "--json").Json();
        Assert.Equal(("truthfulness", 32, 1000),
            (json.GetProperty("task").GetString(), json.GetProperty("k").GetInt32(), json.GetProperty("training_items").GetInt32()));
        Assert.StartsWith("cpu", json.GetProperty("backend").GetString());
        Assert.Equal(
            [("top-K directions", 32, 1000, 1), ("SAE activations", 32, 1000, 1), ("random directions", 32, 1000, 16), ("dense state", 32, 1000, 1),
                ("top-K directions", 1, 32, 1), ("random directions", 1, 32, 16)],
            json.GetProperty("rows").EnumerateArray().Select(row => (row.GetProperty("input").GetString(), row.GetProperty("k").GetInt32(),
                row.GetProperty("pairs").GetInt32(), row.GetProperty("test").GetProperty("draws").GetInt32())));
        foreach (var row in json.GetProperty("rows").EnumerateArray())
        {
            foreach (string part in (string[])["test", "shift"])
            {
                var count = row.GetProperty(part);
                Assert.Equal(400, count.GetProperty("pairs").GetInt32());
                Assert.InRange(count.GetProperty("accuracy").GetDouble(), count.GetProperty("lowest").GetDouble(), count.GetProperty("highest").GetDouble());
            }
        }
        Assert.Equal(1892, json.GetProperty("latents")[0].GetProperty("latent").GetInt32());
        Assert.Contains(json.GetProperty("commands").EnumerateArray(),
            command => command.GetString()!.StartsWith("sparserm fit --model", StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Array, json.GetProperty("warnings").ValueKind);

        var example = json.GetProperty("example");
        var (right, wrong) = (example.GetProperty("right"), example.GetProperty("wrong"));
        Assert.True(right.GetProperty("score").GetDouble() > wrong.GetProperty("score").GetDouble());
        foreach (var answer in new[] { right, wrong })
        {
            double shares = answer.GetProperty("shares").EnumerateArray().Sum(share => share.GetProperty("share").GetDouble());
            Assert.Equal(answer.GetProperty("score").GetDouble() - example.GetProperty("mean_score").GetDouble(), shares, 1e-4);
            Assert.Equal(answer.GetProperty("score").GetDouble(), answer.GetProperty("tokens").EnumerateArray().Last().GetProperty("score").GetDouble());
        }
    }

    [Fact]
    public void Tables_show_each_fit_once_and_end_with_the_commands_for_ones_own_model()
    {
        string text = Cli.Run("demo", "--k", "1", "--pairs", "32").Succeeded();
        string[] Lines(string part) => [.. text.Split('\n').Where(line => line.Contains(part, StringComparison.Ordinal))];
        Assert.Single(Lines("top-K directions "));
        Assert.Single(Lines("random directions "));
        string words = string.Join(' ', text.Split('\n', ' '));
        Assert.Contains("Random directions: mean and range of 16 draws. With 32 pairs and K = 1, chosen directions are ", words);
        Assert.Contains("The answers part at Three and Seventeen: ", words);
        Assert.Single(Lines("Share of the gap"));
        Assert.All(text.Split('\n').Where(line => line.Length > 0 && line[0] != ' '), line => Assert.InRange(line.Length, 1, 100));
        string[] commands = [.. Lines("  sparserm ").Select(line => line.Trim().Split(' ')[1])];
        Assert.Equal(["fit", "evaluate", "score"], commands);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public async Task Open_writes_a_page_with_plots_that_needs_nothing_else_and_shows_it()
    {
        using var folder = new TemporaryFolder();
        string cache = Path.Combine(folder.Path, "cache"), page = Path.Combine(cache, "demo.html"), opened = Path.Combine(folder.Path, "opened");
        File.WriteAllText(Path.Combine(folder.Path, "xdg-open"), $"#!/bin/sh\necho \"$1\" > '{opened}'\n");
        File.SetUnixFileMode(Path.Combine(folder.Path, "xdg-open"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string path = $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}";
        var input = new CliInput { Environment = new() { ["SPARSERM_CACHE"] = cache, ["DISPLAY"] = ":9", ["PATH"] = path } };
        var result = Cli.Run(input, "demo", "--k", "1", "--pairs", "32", "--open");
        Assert.Contains("The answers part at Three and Seventeen", string.Join(' ', result.Succeeded().Split('\n', ' ')));
        Assert.Contains($"wrote {page} and opened it", result.Error);
        Assert.Equal(page, File.ReadAllText(opened).Trim());
        Assert.DoesNotContain("://", File.ReadAllText(page));

        await using var browser = await Server.Tests.Browser.Open();
        await browser.Call("Page.navigate", new() { ["url"] = new Uri(page).AbsoluteUri });
        await browser.Until("document.readyState === 'complete' && document.querySelectorAll('.tools').length > 0");
        Assert.Equal(4, (await browser.Evaluate("document.querySelectorAll('figure svg').length")).GetInt32());
        Assert.Contains("chosen directions are", (await browser.Evaluate("document.querySelector('.verdict').textContent")).GetString());
        string shown = (await browser.Evaluate("document.body.innerText")).GetString()!;
        Assert.Contains("The answers part at Three and Seventeen", shown);
        Assert.Contains("sparserm fit --model", shown);
        // Each answer has a curve, with a point a token.
        Assert.True((await browser.Evaluate("[...document.querySelectorAll('polyline.curve')].filter(curve => curve.getAttribute('points').split(' ').length > 2).length")).GetInt32() == 2);
        // No label leaves its plot.
        Assert.Equal(0, (await browser.Evaluate("[...document.querySelectorAll('figure svg')].flatMap(svg => [...svg.querySelectorAll('text')].filter(text => text.getBBox().x < 0 && !text.hasAttribute('transform'))).length")).GetInt32());
        await browser.Screenshot("demo");
        await browser.Call("Emulation.setEmulatedMedia", new() { ["features"] = new System.Text.Json.Nodes.JsonArray(new System.Text.Json.Nodes.JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }) });
        Assert.Equal("rgb(20, 24, 31)", (await browser.Evaluate("getComputedStyle(document.body).backgroundColor")).GetString());
        await browser.Screenshot("demo-dark");
        Assert.Empty(browser.Complaints);
    }

    [Theory]
    [InlineData(null, "there is no screen here")]
    [InlineData(":9", "xdg-open failed with exit code 3")]
    public void Open_says_where_the_page_is_where_nothing_shows_it(string? display, string why)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "xdg-open"), "#!/bin/sh\nexit 3\n");
        File.SetUnixFileMode(Path.Combine(folder.Path, "xdg-open"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string path = $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}";
        var input = new CliInput { Environment = new() { ["SPARSERM_CACHE"] = folder.Path, ["DISPLAY"] = display, ["WAYLAND_DISPLAY"] = null, ["PATH"] = path } };
        var result = Cli.Run(input, "demo", "--k", "1", "--pairs", "32", "--json", "--open");
        Assert.Equal(1, result.Json().GetProperty("k").GetInt32());
        Assert.Contains($"wrote {Path.Combine(folder.Path, "demo.html")}; {why}, so open it in a browser", result.Error);
    }

    [Fact]
    public void Another_task_is_another_preference() =>
        Assert.Equal("safety", Cli.Run("demo", "--task", "safety", "--k", "1", "--pairs", "32", "--json").Json().GetProperty("task").GetString());

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2() => Cli.Run("demo", "--task", "poetry").Failed(2, "--task", "'poetry'");
}
