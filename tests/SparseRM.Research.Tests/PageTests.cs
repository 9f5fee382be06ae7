using SparseRM.Models;
using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Research.Latents;
using SparseRM.Research.Maps;
using SparseRM.Research.Reports;
using SparseRM.Research.Reproduction;
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
        await Dark(browser);
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
                    runs.Add(new SweepRun(new SweepSetting(ReadOutPosition.Last, layer, null, HeadInputKind.Random, k, 0, 512, PreferenceLossKind.Margin, seed),
                        200 + (30 * layer) + k / 4 + seed, 400, 0.5 + (0.1 * layer), 3));
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
            .. new[] { 0.1, 0.2, 0.4 }.SelectMany(share => losses.SelectMany((loss, i) => new[] {
                Row("label noise", "random", share, "test pairs", loss, 0.95 - (share / (i + 2))), Row("label noise", "adversarial", share, "test pairs", loss, 0.95 - share) })),
            .. losses.Select(loss => Row("damaged pairs", "a tenth of them 10 times", null, "test pairs", loss, 0.93)),
        ];
        StabilityRow[] stable = [new("a <b>hedge</b>", 400, new Interval(0.1, 0.07, 0.13), new Interval(0.02, 0.01, 0.04), 0.3, [new FlippedDirection(12, 0.4, -0.5)]),
            new("paraphrases", 400, new Interval(0.05, 0.03, 0.08), null, 0, [])];
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
    public async Task A_page_of_latents_marks_tokens_and_nothing_in_a_text_becomes_markup()
    {
        LatentFacts Facts(int id, int sign, string text) => new(new DirectionLatent(id, sign, sign > 0 ? 90 : 10, sign > 0 ? 20 : 70, 100, 100), 1e-12, 2e-9, 0.98,
            [new LatentContext("<script>alert(1)</script> the capital of ", text, " \u202e& so on", 12.5, sign > 0, 3)], [(text, 2.5), ("&amp;", 1)], [new NearLatent(5, 0.71)], "about <i>truth</i>", "https://www.neuronpedia.org/m/s/" + id);
        var report = new LatentReport([Facts(7, 1, "<b>Lima</b>"), Facts(8, -1, "Quito")], 2048, 100, ["a note."]);
        var overlap = new LatentOverlap(2, 3, [new SharedLatent(report.Latents[0].Latent, report.Latents[1].Latent with { Latent = 7 })], 0.003);
        string path = Written(LatentPage.Of(report, "a <model>", (overlap, "other")));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal("Separation|Active in preferred answers|Active in rejected answers|Shared with other", (await browser.Evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")).GetString());
        Assert.Equal("<b>Lima</b>|Quito", (await browser.Evaluate("[...document.querySelectorAll('mark')].map(m => m.textContent).join('|')")).GetString());
        Assert.Equal(1, (await browser.Evaluate("document.scripts.length")).GetInt32());
        Assert.Equal("https://www.neuronpedia.org/m/s/7", (await browser.Evaluate("document.querySelector('a').href")).GetString());
        Assert.StartsWith("2 of 2 latents separate", (await browser.Evaluate("document.querySelector('.verdict').textContent")).GetString());
        await browser.Evaluate("document.querySelectorAll('details').forEach(d => d.open = true)");
        await browser.Screenshot("latents");
        await Dark(browser);
        await browser.Screenshot("latents-dark");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_map_shows_the_text_of_a_point_and_holds_every_number()
    {
        var random = new SeededRandom(5);
        MapPoint[] points = [.. Enumerable.Range(0, 300).Select(i => new MapPoint(i % 2 == 0, i == 0 ? "<img src=x onerror=alert(1)>" : "What is it?", $"answer {i} & more", i + 1))];
        double[] Map(double apart) => [.. points.SelectMany(point => new[] { random.NextGaussian() + (point.IsChosen ? apart : -apart), random.NextGaussian() })];
        SpaceMap Space(string name, int width, double apart) => new(name, width, Map(apart), Map(apart / 2), 0.4, 0.98, 0.2, 0.3, 0.1, new AccuracyInterval(280, 300));
        var result = new MapResult(points, [Space("projected", 64, 2), Space("dense", 2304, 0.5)], ["a note."]);
        string path = Written(MapPage.Of(result, "a model"));
        Assert.DoesNotContain("<img", File.ReadAllText(path));
        Assert.DoesNotContain("://", File.ReadAllText(path));
        await using var browser = await Browser.Open();
        await Show(browser, path);
        Assert.Equal(2, (await browser.Evaluate("document.querySelectorAll('figure svg').length")).GetInt32());
        // Two panels of all points and two in the legend; the first point's text is whole where one points at it.
        Assert.Equal(602, (await browser.Evaluate("document.querySelector('svg').querySelectorAll('.mark').length")).GetInt32());
        Assert.Equal("preferred, line 1: <img src=x onerror=alert(1)> / answer 0 & more",
            (await browser.Evaluate("[...document.querySelector('svg').querySelectorAll('.mark title')].map(t => t.textContent).find(t => t.includes('line 1:'))")).GetString());
        Assert.Equal(300, (await browser.Evaluate("document.querySelectorAll('details tbody tr').length")).GetInt32());
        Assert.True((await browser.Evaluate("[...document.querySelector('svg').querySelectorAll('.mark')].every(m => { const b = m.getBBox(); return b.x >= 0 && b.y >= 0 && b.x + b.width <= 1000; })")).GetBoolean());
        await browser.Screenshot("map");
        await Dark(browser);
        await browser.Screenshot("map-dark");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task The_paper_s_tables_stand_beside_what_was_measured_and_say_what_is_missing()
    {
        var here = new Interval(0.97, 0.95, 0.98);
        PaperResult result = new([
            new PaperRow("head input", "top-K directions", [new PaperCell("SafeRLHF", 0.944, here, 400), new PaperCell("TruthfulQA", 0.936, null, 0)], "no pairs were given for TruthfulQA"),
            new PaperRow("after alignment", "SparseRM", [new PaperCell("SafeRLHF", 0.799, null, 0)], "needs policies")], "A verdict.", ["a note."]);
        await using var browser = await Browser.Open();
        await Show(browser, Written(PaperPage.Of(result, "a model")));
        Assert.Equal("top-K directions|94.4 %|97.0 % (95.0 % to 98.0 %)|93.6 %|-", (await browser.Evaluate("[...document.querySelectorAll('tbody tr')[0].cells].map(c => c.textContent).join('|')")).GetString());
        Assert.Contains("Not run: needs policies.", (await browser.Evaluate("document.body.textContent")).GetString());
        await browser.Screenshot("paper");
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

    private static async Task Dark(Browser browser) =>
        await browser.Call("Emulation.setEmulatedMedia", new() { ["features"] = new System.Text.Json.Nodes.JsonArray(new System.Text.Json.Nodes.JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }) });

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
