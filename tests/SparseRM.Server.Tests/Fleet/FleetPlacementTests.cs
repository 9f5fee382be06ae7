using System.Text.Json;
using SparseRM.Server.Fleet;

namespace SparseRM.Server.Tests.Fleet;

/// <summary>Where a prompt goes: to one member whoever asks, elsewhere where that one is busy, and not all at once where a member leaves.</summary>
public class FleetPlacementTests(Rewards rewards)
{
    private static FleetLoad[] Members(int count) => [.. Enumerable.Range(0, count).Select(i => new FleetLoad(FleetPlacement.Hash($"10.0.0.{i}:11111@{i}"), 0, false))];

    [Fact]
    public void Prompts_are_spread_and_only_those_of_a_member_that_leaves_move()
    {
        var all = Members(5);
        FleetLoad[] rest = all[..4];
        int[] counts = new int[5];
        for (int prompt = 0; prompt < 5000; prompt++)
        {
            ulong key = FleetPlacement.Hash($"prompt {prompt}");
            int[] order = FleetPlacement.Order(key, all);
            Assert.Equal([0, 1, 2, 3, 4], order.Order());
            counts[order[0]]++;
            Assert.Equal(order.Where(i => i < 4), FleetPlacement.Order(key, rest));
            // Another member lists them otherwise.
            Assert.Equal(order, FleetPlacement.Order(key, [.. all.Reverse()]).Select(i => 4 - i));
        }
        // 1,000 each, with a standard deviation of 28.
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void Members_that_are_full_or_far_busier_than_the_mean_come_last()
    {
        var members = Members(4);
        ulong key = FleetPlacement.Hash("prompt");
        int[] order = FleetPlacement.Order(key, members);
        FleetLoad[] With(double waiting, bool isFull = false) => [.. members.Select((member, i) => i == order[0] ? member with { Waiting = waiting, IsFull = isFull } : member with { Waiting = 10 })];
        // The mean of 10, 10, 10 and 90 is 30; 2 x 30 + 16 = 76. That of three tens and 60 is 22.5, so up to 61 may wait.
        Assert.Equal(order, FleetPlacement.Order(key, With(60)));
        Assert.Equal([.. order[1..], order[0]], FleetPlacement.Order(key, With(90)));
        Assert.Equal([.. order[1..], order[0]], FleetPlacement.Order(key, With(0, isFull: true)));
    }

    [Theory]
    [InlineData("""{"prompt": "PROMPT", "response": "ANSWER"}""")]
    [InlineData("""{"inputs": [{"prompt": "PROMPT", "responses": ["ANSWER"]}]}""")]
    [InlineData("""{"messages": [{"role": "user", "content": "PROMPT"}, {"role": "assistant", "content": "ANSWER"}]}""")]
    [InlineData("""{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "PROMPT"}, {"role": "assistant", "content": "A"}, {"role": "user", "content": "ANSWER"}]}""")]
    [InlineData("""{"conv": [{"role": "user", "content": "PROMPT"}, {"role": "assistant", "content": "ANSWER"}]}""")]
    [InlineData("""{"input": "<start_of_turn>user\nPROMPT<end_of_turn>\n<start_of_turn>model\nANSWER<end_of_turn>\n"}""")]
    [InlineData("""{"text": ["<start_of_turn>user\nPROMPT<end_of_turn>\n<start_of_turn>model\nANSWER<end_of_turn>\n"]}""")]
    [InlineData("""{"query": ["<bos><start_of_turn>user\nPROMPT<end_of_turn>\n<start_of_turn>model\nANSWER"], "prompts": ["PROMPT"]}""")]
    [InlineData("""{"query": "PROMPT", "documents": ["ANSWER"]}""")]
    [InlineData("""{"queries": "PROMPT", "documents": ["ANSWER"]}""")]
    [InlineData("""{"text_1": ["PROMPT"], "text_2": ["ANSWER"]}""")]
    [InlineData("""{"inputs": [["PROMPT", "ANSWER"]]}""")]
    [InlineData("""{"inputs": ["PROMPT", "ANSWER"]}""")]
    [InlineData("""{"responses_create_params": {"input": "PROMPT"}, "response": {"output": [{"type": "message", "content": "ANSWER"}]}}""")]
    public void Answers_to_one_prompt_have_one_key_on_every_wire_and_other_prompts_have_others(string body)
    {
        var keys = new PromptKey(rewards.Scorer.Backbone.Template);
        ulong? Key(string prompt, string answer) => keys.Of(JsonElement.Parse(body.Replace("PROMPT", prompt, StringComparison.Ordinal).Replace("ANSWER", answer, StringComparison.Ordinal)));
        Assert.NotNull(Key("Name a prime.", "7"));
        Assert.Equal(Key("Name a prime.", "7"), Key("Name a prime.", "nine, which is none"));
        Assert.NotEqual(Key("Name a prime.", "7"), Key("Name a square.", "7"));
    }

    /// <summary>OpenRLHF's query is prompt and answer in one text; SGLang's, vLLM's and TEI's is what was asked.</summary>
    [Fact]
    public void A_query_alone_is_no_prompt_and_beside_its_items_it_is_one_to_its_end()
    {
        var keys = new PromptKey(null);
        string prompt = new('p', 300);
        ulong? Key(object body) => keys.Of(JsonSerializer.SerializeToElement(body));
        Assert.Equal(Key(new { query = (string[])[prompt + "7"] }), Key(new { query = (string[])[prompt + "nine"] }));
        Assert.Equal(Key(new { query = prompt + "7", labels = 1 }), Key(new { query = prompt + "nine", labels = 1 }));
        Assert.NotEqual(Key(new { query = prompt + "7", items = (string[])["A"] }), Key(new { query = prompt + "nine", items = (string[])["A"] }));
        Assert.NotEqual(Key(new { query = prompt + "7", documents = (string[])["A"] }), Key(new { query = prompt + "nine", documents = (string[])["A"] }));
        Assert.NotEqual(Key(new { query = prompt + "7", texts = (string[])["A"] }), Key(new { query = prompt + "nine", texts = (string[])["A"] }));
    }

    [Fact]
    public void Ids_go_by_their_first_ones_and_a_body_without_a_text_has_no_key()
    {
        var keys = new PromptKey(rewards.Scorer.Backbone.Template);
        ulong? Key(object body) => keys.Of(JsonSerializer.SerializeToElement(body));
        int[] prompt = [.. Enumerable.Range(0, 64)];
        Assert.Equal(Key(new { ids = (int[])[.. prompt, 1, 2] }), Key(new { ids = (int[])[.. prompt, 3] }));
        Assert.NotEqual(Key(new { ids = (int[])[.. prompt, 1] }), Key(new { ids = (int[])[5, .. prompt] }));
        foreach (object body in (object[])[new { }, new { prompt = 7 }, new { inputs = Array.Empty<string>() }, new { messages = (int[][])[[]] }]) Assert.Null(Key(body));
        Assert.Null(keys.Of(JsonElement.Parse("[1]")));
    }
}
