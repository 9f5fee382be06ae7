using System.Text.Json;

namespace SparseRM.Server.Tests.Wires;

/// <summary>vLLM's pooling routes (vllm/entrypoints/pooling/*/protocol.py).</summary>
public class VllmTests(Rewards rewards)
{
    private static float Sigmoid(float value) => (float)(1 / (1 + Math.Exp(-(double)value)));

    private string Text => rewards.Rendered("What is 2 + 2?", "4");

    private float Score => rewards.Scorer.Score("What is 2 + 2?", "4");

    [Fact]
    public async Task Classify_answers_verl_with_the_raw_reward()
    {
        // verl takes the BOS text away, since it expects the server to put one first.
        string input = JsonSerializer.Serialize(Text[Text.IndexOf("<start_of_turn>", StringComparison.Ordinal)..]);
        var answer = (await rewards.Server.Post("/classify", $$"""{"model": "true", "input": {{input}}, "use_activation": false}""")).Ok;
        JsonAssert.Members(answer, "id", "object", "created", "model", "data", "usage");
        Assert.StartsWith("classify-", answer.GetProperty("id").GetString());
        Assert.Equal("list", answer.GetProperty("object").GetString());
        Assert.Equal("true", answer.GetProperty("model").GetString());
        var item = Assert.Single(answer.GetProperty("data").EnumerateArray().ToArray());
        JsonAssert.Members(item, "index", "label", "probs", "num_classes");
        Assert.Equal((0, "LABEL_0", 1), (item.GetProperty("index").GetInt32(), item.GetProperty("label").GetString(), item.GetProperty("num_classes").GetInt32()));
        JsonAssert.Score(Score, Assert.Single(item.GetProperty("probs").EnumerateArray().ToArray()));
        int tokens = rewards.Ids("What is 2 + 2?", "4").Length;
        Assert.Equal((tokens, tokens), (answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), answer.GetProperty("usage").GetProperty("total_tokens").GetInt32()));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(", \"use_activation\": null", true)]
    [InlineData(", \"use_activation\": true", true)]
    [InlineData(", \"use_activation\": false", false)]
    [InlineData(", \"activation\": false", false)]
    [InlineData(", \"softmax\": false", false)]
    [InlineData(", \"activation\": true", true)]
    public async Task One_label_goes_through_a_sigmoid_unless_told_not_to(string field, bool activated)
    {
        var answer = (await rewards.Server.Post("/classify", $$"""{"input": {{JsonSerializer.Serialize(Text)}}{{field}}}""")).Ok;
        JsonAssert.Score(activated ? Sigmoid(Score) : Score, answer.GetProperty("data")[0].GetProperty("probs")[0]);
    }

    [Fact]
    public async Task Text_ids_lists_and_messages_have_one_score_with_one_BOS_whatever_comes()
    {
        int[] ids = rewards.Ids("What is 2 + 2?", "4");
        string text = JsonSerializer.Serialize(Text), twice = JsonSerializer.Serialize("<bos>" + Text), none = JsonSerializer.Serialize(Text["<bos>".Length..]);
        string list = JsonSerializer.Serialize(ids), listTwice = JsonSerializer.Serialize((int[])[ids[0], .. ids]), listNone = JsonSerializer.Serialize(ids[1..]);
        string[] bodies =
        [
            $"\"input\": {text}", $"\"input\": {twice}", $"\"input\": {none}", $"\"input\": {list}", $"\"input\": {listTwice}", $"\"input\": {listNone}",
            $"\"input\": [{text}, {twice}, {none}]", $"\"input\": [{list}, {listTwice}, {listNone}]", $"\"input\": {none}, \"add_special_tokens\": false",
            """
            "messages": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": [{"type": "text", "text": "4"}]}]
            """,
        ];
        foreach (string body in bodies)
        {
            var answer = (await rewards.Server.Post("/classify", $$"""{ {{body}}, "use_activation": false}""")).Ok;
            Assert.All(answer.GetProperty("data").EnumerateArray(), item => JsonAssert.Score(Score, item.GetProperty("probs")[0]));
            Assert.Equal(ids.Length * answer.GetProperty("data").GetArrayLength(), answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        }
    }

    [Theory]
    [InlineData("""{"input": "x", "normalize": true}""", "normalize", "Parameter `normalize` was removed; use `use_activation` instead.")]
    [InlineData("""{"input": []}""", "input", "input is an empty list; give at least one input")]
    [InlineData("""{"input": ["x", 3]}""", "input[1]", "input[1] is 3, expected a string or a list of token ids")]
    [InlineData("""{"input": "x", "use_activation": false, "activation": true}""", "activation", "activation contradicts another name of use_activation; give one of them")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"chat_template": "y"}}""", "chat_template_kwargs.chat_template",
        "chat_template_kwargs.chat_template cannot be obeyed: templates come from the model's owner only; leave it out")]
    [InlineData("""{"input": "x", "truncate_prompt_tokens": -2}""", "truncate_prompt_tokens", "truncate_prompt_tokens is -2, expected a whole number from -1 to 2147483647")]
    [InlineData("""{"input": "x", "padding": "max_length"}""", "padding", "padding cannot be obeyed")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "chat_template": "{{ x }}"}""", "chat_template", "Chat template is passed with request")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": true}""", "add_generation_prompt", "add_generation_prompt cannot be obeyed")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}""", "messages[0].content[0]", "messages[0].content[0] is a part of type 'image_url'; only text can be scored")]
    [InlineData("""{"input": [[1000000]]}""", "input[0]", "token id 1000000 is outside the model's vocabulary")]
    [InlineData("""{"input": "\ud800"}""", "input", "input is not text")]
    public async Task A_refusal_names_the_parameter(string body, string parameter, string message)
    {
        var error = (await rewards.Server.Post("/classify", body)).Refused(400).GetProperty("error");
        JsonAssert.Members(error, "message", "type", "param", "code");
        Assert.StartsWith(message, error.GetProperty("message").GetString());
        Assert.Equal(("BadRequestError", parameter, 400), (error.GetProperty("type").GetString(), error.GetProperty("param").GetString(), error.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task An_unknown_model_is_not_found()
    {
        var error = (await rewards.Server.Post("/classify", """{"model": "other", "input": "x"}""")).Refused(404).GetProperty("error");
        Assert.Equal("NotFoundError", error.GetProperty("type").GetString());
        Assert.StartsWith("the model `other` does not exist", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Another_model_is_the_one_that_is_named()
    {
        var answer = (await rewards.Server.Post("/classify", $$"""{"model": "safe", "input": {{JsonSerializer.Serialize(Text)}}, "use_activation": false}""")).Ok;
        JsonAssert.Score(rewards.SafeScorer.Score("What is 2 + 2?", "4"), answer.GetProperty("data")[0].GetProperty("probs")[0]);
        Assert.NotEqual(Score, answer.GetProperty("data")[0].GetProperty("probs")[0].GetSingle());
    }

    [Fact]
    public async Task Too_many_tokens_are_refused_unless_truncation_is_asked_for()
    {
        string input = JsonSerializer.Serialize(Enumerable.Repeat(20, rewards.Scorer.Backbone.Config.NCtx + 5));
        var error = (await rewards.Server.Post("/classify", $$"""{"input": {{input}}}""")).Refused(400).GetProperty("error");
        Assert.Contains("shorten it, or ask for truncation", error.GetProperty("message").GetString());
        int[] ids = rewards.Ids("What is 2 + 2?", "4");
        foreach (var (field, kept) in new (string, int[])[]
        {
            ("\"truncate_prompt_tokens\": 5", [ids[0], .. ids[^4..]]), ("\"truncate_prompt_tokens\": 5, \"truncation_side\": \"right\"", ids[..5]),
            ("\"truncate_prompt_tokens\": -1", ids),
        })
        {
            var answer = (await rewards.Server.Post("/classify", $$"""{"input": {{JsonSerializer.Serialize(ids)}}, "use_activation": false, {{field}}}""")).Ok;
            JsonAssert.Score(rewards.Scorer.ScoreIds(kept), answer.GetProperty("data")[0].GetProperty("probs")[0]);
        }
    }
}
