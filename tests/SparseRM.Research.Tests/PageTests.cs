using SparseRM.Models;
using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;
using SparseRM.Research.Robustness;
using SparseRM.Research.Sweeps;
using SparseRM.Scoring;
using SparseRM.Server.Tests;

namespace SparseRM.Research.Tests;

public sealed class PageTests(World world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_page_of_baselines_opens_without_complaint_and_its_plots_zoom()
    {
        BaselineRow Row(string name, string regime, double at) => new(name, regime, new Interval(at, at - 0.05, at + 0.02), new Interval(0.01, -0.01, 0.02), 100, 400);
        var table = new BaselineTable([Row(BaselineStudy.Directions, "all", 0.95), Row("ridge probe", "all", 0.97), Row("length alone", "all", 0.52), Row("ridge probe", "8-pairs", 0.8)],
            "No <b>difference</b> & more.", "ridge probe", ["A note."]);
        string path = Written(BaselinePage.Of(table, "a model"));
        Assert.DoesNotContain("<b>", File.ReadAllText(path));
        Assert.DoesNotContain("://", File.ReadAllText(path));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal(2, (await browser.Evaluate("document.querySelectorAll('figure svg').length")).GetInt32());
        Assert.Equal(2, (await browser.Evaluate("document.querySelectorAll('figure + .scroll table').length")).GetInt32());
        Assert.Equal("No <b>difference</b> & more.", (await browser.Evaluate("document.querySelector('.verdict').textContent")).GetString());
        const string Box = "document.querySelector('svg').getAttribute('viewBox')";
        string whole = (await browser.Evaluate(Box)).GetString()!;
        await browser.Evaluate("document.querySelector('.tools button').click()");
        Assert.NotEqual(whole, (await browser.Evaluate(Box)).GetString());
        await browser.Evaluate("document.querySelector('svg').focus()");
        await browser.Press("0", 48);
        Assert.Equal(whole, (await browser.Evaluate(Box)).GetString());
        await browser.Screenshot("baselines");
        await browser.Call("Emulation.setEmulatedMedia", new() { ["features"] = new System.Text.Json.Nodes.JsonArray(new System.Text.Json.Nodes.JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }) });
        Assert.Equal("rgb(20, 24, 31)", (await browser.Evaluate("getComputedStyle(document.body).backgroundColor")).GetString());
        await browser.Screenshot("baselines-dark");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_page_of_a_sweep_has_a_plot_and_a_table_for_each_swept_setting()
    {
        var runs = new List<SweepRun>();
        foreach (int layer in new[] { 0, 2, 4 })
            foreach (int k in new[] { 1, 8, 32, 128 })
                for (int seed = 1; seed <= 2; seed++)
                    runs.Add(new SweepRun(new SweepSetting(ReadOutPosition.Last, layer, null, HeadInputKind.Random, k, 0, 512, PreferenceLossKind.Margin, seed), 200 + (30 * layer) + k / 4 + seed, 400, 0.5 + (0.1 * layer), 3));
        string path = Written(SweepPage.Of(new SweepResult(runs, 0, "cpu", []), "a model"));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal("Over K|Over layer|Every setting", (await browser.Evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")).GetString());
        Assert.Equal(2, (await browser.Evaluate("document.querySelectorAll('figure').length")).GetInt32());
        Assert.Equal(12, (await browser.Evaluate("document.querySelectorAll('details tbody tr').length")).GetInt32());
        Assert.Equal(3, (await browser.Evaluate("document.querySelector('svg').querySelectorAll('polyline').length")).GetInt32());
        await browser.Screenshot("sweep");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_card_shows_margins_mistakes_and_directions()
    {
        var fit = world.Trainer.Fit(world.Trainer.ReadStates(World.Pairs("train", 60)), new FitOptions { K = 4, Training = World.Training });
        using var scorer = world.Trainer.Backbone.Attach(fit.Reward);
        var measured = RewardMeasurement.Of(scorer, World.Pairs("test", 60));
        Assert.Equal(measured.Result.Pairs.Correct, measured.Margins.Count(pair => pair.Margin > 0));
        string path = Written(RewardPage.Of("a<b", fit.Reward.With(new ScoreCalibration(0.5, 0, 60, 0.1, 0.05)), [("The whole", [("pairs", "60")])], measured));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal("Reward model a<b", (await browser.Evaluate("document.title")).GetString());
        string headings = (await browser.Evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")).GetString()!;
        Assert.StartsWith("Margins|Calibration|", headings);
        Assert.Equal(60, (await browser.Evaluate("[...document.querySelectorAll('tr')].filter(row => /^\\d+-\\d+ %/.test(row.textContent)).reduce((sum, row) => sum + Number(row.cells[1].textContent), 0)")).GetInt32());
        Assert.EndsWith("Directions|The whole|What this page does not say", headings);
        Assert.Equal(60, (await browser.Evaluate("[...document.querySelectorAll('details tbody tr')].reduce((sum, row) => sum + Number(row.lastChild.textContent), 0)")).GetInt32());
        await browser.Screenshot("card");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_page_of_robustness_has_curves_changes_and_suspects()
    {
        RobustnessRow Row(string study, string condition, double? share, string on, string loss, double at) =>
            new(study, condition, share, on, loss, new Interval(at, at - 0.05, Math.Min(1, at + 0.02)), study == "as it is" ? null : new Interval(-0.1, -0.2, -0.05), 1000, 400);
        string[] losses = ["margin", "bradley-terry", "bce"];
        RobustnessRow[] rows =
        [
            .. losses.Select(loss => Row("as it is", "all pairs", null, "test pairs", loss, 0.97)),
            .. new[] { 0.1, 0.2, 0.4 }.SelectMany(share => losses.SelectMany((loss, i) => new[] { Row("label noise", "random", share, "test pairs", loss, 0.95 - (share / (i + 2))), Row("label noise", "adversarial", share, "test pairs", loss, 0.95 - share) })),
            .. losses.Select(loss => Row("damaged pairs", "a tenth of them 10 times", null, "test pairs", loss, 0.93)),
        ];
        StabilityRow[] stable = [new("a <b>hedge</b>", 400, new Interval(0.1, 0.07, 0.13), new Interval(0.02, 0.01, 0.04), 0.3, [new FlippedDirection(12, 0.4, -0.5)]), new("paraphrases", 400, new Interval(0.05, 0.03, 0.08), null, 0, [])];
        var table = new RobustnessTable(rows, [new SuspectPair(7, "Q", "good", "bad", 0.05, -1.5)], [new NoiseFinding("cross-fitted margin", 0.95, 0.8)], stable, "A <b>summary</b>.", ["A note."]);
        string path = Written(RobustnessPage.Of(table, "a model"));
        Assert.DoesNotContain("<b>", File.ReadAllText(path));
        Assert.DoesNotContain("://", File.ReadAllText(path));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal("As it is|Label noise|Damaged pairs|Changed answers|Suspect training pairs", (await browser.Evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")).GetString());
        // As it is, both kinds of noise, damaged pairs, changes.
        Assert.Equal(5, (await browser.Evaluate("document.querySelectorAll('figure').length")).GetInt32());
        Assert.Equal(18, (await browser.Evaluate("[...document.querySelectorAll('td')].filter(cell => /^(random|adversarial), /.test(cell.textContent)).length")).GetInt32());
        await browser.Screenshot("robustness");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public void A_histogram_has_an_end_at_0_and_counts_every_value()
    {
        var parts = HistogramChart.Count([-1, -0.5, 0, 0.25, 2]);
        Assert.Equal(5, parts.Sum(part => part.Count));
        Assert.Contains(parts, part => part.Low == 0);
        Assert.Equal(2, parts.Where(part => part.High <= 0).Sum(part => part.Count));
        Assert.Equal(1, HistogramChart.Count([0.0, 0.0]).Count(part => part.Count == 2));
    }

    private string Written(HtmlPage page)
    {
        string path = _folder.File("page.html");
        using var stream = File.Create(path);
        page.WriteTo(stream);
        return path;
    }

    private static async Task Show(Browser browser, string path)
    {
        await browser.Call("Page.navigate", new() { ["url"] = new Uri(path).AbsoluteUri });
        await browser.Until("document.readyState === 'complete' && document.querySelectorAll('.tools').length > 0");
    }
}
