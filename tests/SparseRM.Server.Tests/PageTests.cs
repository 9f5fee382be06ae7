using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SparseRM.Server.Tests;

/// <summary>The page, in a real browser; its pictures stay in the folder <c>screenshots</c> beside the tests.</summary>
public class PageTests(Rewards rewards)
{
    private const string Prompt = "What is 2 + 2?", First = "4", Second = "It is <b>five</b>.";

    [Fact]
    public async Task Two_answers_are_compared_and_explained_by_keyboard_alone()
    {
        await using var browser = await Browser.Open();
        await browser.Call("Emulation.setDeviceMetricsOverride", new() { ["width"] = 1200, ["height"] = 900, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await browser.Call("Page.navigate", new() { ["url"] = rewards.Server.Server.Address.ToString() });
        await browser.Until("document.querySelectorAll('#model option').length === 2");
        await browser.Evaluate("document.getElementById('prompt').focus()");
        foreach (string text in (string[])[Prompt, First, Second])
        {
            await browser.Call("Input.insertText", new() { ["text"] = text });
            await browser.Press("Tab", 9);
        }
        await browser.Press("Enter", 13, modifiers: 2);
        await browser.Until("document.querySelectorAll('#results article').length === 2");

        float[] scores = [rewards.Scorer.Score(Prompt, First), rewards.Scorer.Score(Prompt, Second)];
        string shown = (await browser.Evaluate("[...document.querySelectorAll('.score')].map(score => score.textContent).join(' ')")).GetString()!;
        Assert.Equal(string.Join(' ', scores.Select(Shown)), shown);
        Assert.StartsWith($"Answer {(scores[0] > scores[1] ? "A" : "B")} is preferred", (await browser.Evaluate("document.getElementById('verdict').textContent")).GetString());
        // A text is shown as it is, whatever it spells.
        Assert.Contains("<b>five</b>", (await browser.Evaluate("document.querySelector('#result-B .text').textContent")).GetString());
        Assert.Equal(0, (await browser.Evaluate("document.querySelectorAll('#results b').length")).GetInt32());
        Assert.True((await browser.Evaluate("document.querySelectorAll('#result-A .bars li').length")).GetInt32() >= 4);
        Assert.True((await browser.Evaluate("document.querySelectorAll('#result-A .text span[class*=up], #result-A .text span[class*=down]').length")).GetInt32() > 0);
        // Marks of the template are nobody's words.
        Assert.Equal(0, (await browser.Evaluate("[...document.querySelectorAll('#results .text span')].filter(span => /^<.*>$/.test(span.textContent) && /up|down/.test(span.className)).length")).GetInt32());
        Assert.Contains("doubt ±", (await browser.Evaluate("document.querySelector('#result-A .facts').textContent")).GetString());
        await browser.Screenshot("wide-light");

        await browser.Call("Emulation.setEmulatedMedia", new() { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }) });
        Assert.Equal("rgb(20, 23, 27)", (await browser.Evaluate("getComputedStyle(document.body).backgroundColor")).GetString());
        await browser.Screenshot("wide-dark");
        await browser.Call("Emulation.setDeviceMetricsOverride", new() { ["width"] = 360, ["height"] = 800, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await browser.Screenshot("narrow-dark");
        Assert.True((await browser.Evaluate("document.documentElement.scrollWidth <= 360")).GetBoolean(), "the page is wider than a narrow screen");
        await browser.Call("Emulation.setEmulatedMedia", new() { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "light" }) });
        await browser.Screenshot("narrow-light");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task The_last_scores_are_opened_as_they_were_posted()
    {
        await using var server = await rewards.Start(options => options with { Keep = 10 });
        const string Turns = """[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}, {"role": "user", "content": "R"}, {"role": "assistant", "content": "B"}]""";
        string text = rewards.Rendered("Name a prime.", "7");
        float ofTurns = (await server.Post("/v1/rewards", $$"""{"messages": {{Turns}}}""")).Ok.GetProperty("results")[0].GetProperty("score").GetSingle();
        await server.Post("/get_reward", $$"""{"query": [{{JsonSerializer.Serialize(text)}}]}""");
        await using var browser = await Browser.Open();
        await browser.Call("Page.navigate", new() { ["url"] = server.Server.Address.ToString() });
        await browser.Until("document.querySelectorAll('#recent option').length === 3");
        foreach (var (newest, score) in ((int, float)[])[(0, rewards.Scorer.Score("Name a prime.", "7")), (2, ofTurns)])
        {
            await browser.Evaluate($"document.getElementById('recent').value = '{newest}'; document.getElementById('recent').dispatchEvent(new Event('change'))");
            await browser.Until($"document.querySelectorAll('#results article').length === 1 && document.querySelector('.score')?.textContent === '{Shown(score)}' && !document.getElementById('score').disabled");
        }
        // What is scored is kept in its turn.
        Assert.Equal(5, (await browser.Evaluate("document.querySelectorAll('#recent option').length")).GetInt32());
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_failure_is_said_and_leaves_no_score()
    {
        await using var browser = await Browser.Open();
        await browser.Call("Page.navigate", new() { ["url"] = rewards.Server.Server.Address.ToString() });
        await browser.Until("document.querySelectorAll('#model option').length === 2");
        string tooLong = string.Concat(Enumerable.Repeat("word ", 4 * rewards.Scorer.Backbone.Config.NCtx));
        await browser.Evaluate($"document.getElementById('prompt').value = 'Q'; document.getElementById('first').value = {JsonSerializer.Serialize(tooLong)}; document.getElementById('score').click()");
        await browser.Until("!document.getElementById('message').hidden");
        Assert.Contains("shorten it, or ask for truncation", (await browser.Evaluate("document.getElementById('message').textContent")).GetString());
        Assert.Equal(0, (await browser.Evaluate("document.querySelectorAll('.score').length")).GetInt32());
    }

    [Fact]
    public async Task The_example_is_scored_when_the_page_opens()
    {
        await using var server = await rewards.Start(options => options with { Example = new PageExample(Prompt, First, Second) });
        await using var browser = await Browser.Open();
        await browser.Call("Page.navigate", new() { ["url"] = server.Server.Address.ToString() });
        await browser.Until("document.querySelectorAll('.score').length === 2");
        Assert.Equal(Shown(rewards.Scorer.Score(Prompt, First)), (await browser.Evaluate("document.querySelector('.score').textContent")).GetString());
    }

    [Fact]
    public async Task The_policy_lets_nothing_in_from_outside()
    {
        var response = await rewards.Server.Get("/");
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        foreach (string part in (string[])["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) Assert.Contains(part, policy);
        Assert.DoesNotContain("unsafe", policy);
        string[] parts = [response.Text, (await rewards.Server.Get("/page.js")).Text, (await rewards.Server.Get("/page.css")).Text];
        Assert.All(parts, part => Assert.DoesNotContain("https://", part));
        Assert.DoesNotMatch("""<script>|style="|\son[a-z]+=""", response.Text);
    }

    private static string Shown(float score) => (score < 0 ? "−" : "+") + Math.Abs((double)score).ToString("F3", CultureInfo.InvariantCulture);
}
