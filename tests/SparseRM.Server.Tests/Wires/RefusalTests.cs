namespace SparseRM.Server.Tests.Wires;

/// <summary>What would be passed over, and would change what a score means, is refused on every wire.</summary>
public class RefusalTests(Rewards rewards)
{
    private const string User = """{"role": "user", "content": "Q"}""";
    private const string Both = $$"""[{{User}}, {"role": "assistant", "content": "A"}]""";
    private const string Response = """{"output": [{"type": "message", "content": "A"}]}""";

    [Theory]
    [InlineData("/classify", """{"text": "x", "image_data": "a.png"}""", 400, "image_data cannot be obeyed: only text is scored")]
    [InlineData("/classify", """{"input": "x", "images": ["a.png"]}""", 400, "images cannot be obeyed: only text is scored")]
    [InlineData("/get_reward", """{"query": ["x"], "images": ["a.png"]}""", 400, "images cannot be obeyed: only text is scored")]
    [InlineData("/slime", """{"prompt": "x", "response": "y", "multi_modal_data": {"image": "a.png"}}""", 400, "multi_modal_data cannot be obeyed: only text is scored")]
    [InlineData("/classify", """{"messages": [{"role": "user", "content": "x", "images": ["a.png"]}]}""", 400, "messages[0].images cannot be obeyed: only text is scored")]
    [InlineData("/classify", """{"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "image_url": "a.png"}]}]}""", 400, "messages[0].content[0].image_url cannot be obeyed")]
    public async Task Pictures_and_sounds(string path, string body, int status, string message) => await Refused(path, body, status, message);

    [Theory]
    [InlineData("/classify", $$"""{"messages": {{Both}}, "tools": [{"type": "function"}]}""", 400, "tools cannot be obeyed: the template gets what chat_template_kwargs has")]
    [InlineData("/classify", $$"""{"messages": {{Both}}, "documents": [{"text": "d"}]}""", 400, "documents cannot be obeyed: the template gets what chat_template_kwargs has")]
    [InlineData("/judge", $$"""{"conv": {{Both}}, "tools": [{"type": "function"}]}""", 400, "tools cannot be obeyed")]
    [InlineData("/slime", $$"""{"prompt": [{{User}}], "response": "A", "tools": [{"type": "function"}]}""", 400, "tools cannot be obeyed")]
    [InlineData("/verify", $$"""{"responses_create_params": {"input": "Q", "tools": [{"type": "function"}]}, "response": {{Response}}}""", 422, "responses_create_params.tools cannot be obeyed")]
    [InlineData("/verify", $$"""{"responses_create_params": {"input": "Q", "previous_response_id": "r"}, "response": {{Response}}}""", 422, "responses_create_params.previous_response_id cannot be obeyed")]
    public async Task Tools_where_a_wire_has_no_place_for_them(string path, string body, int status, string message) => await Refused(path, body, status, message);

    [Theory]
    [InlineData("/verify", """{"responses_create_params": {"input": "Q"}, "response": {"output": [{"type": "message", "content": null}]}}""", 422, "response.output[0].content is null, expected a value")]
    [InlineData("/verify", """{"responses_create_params": {"input": "Q"}, "response": {}}""", 422, "response.output is missing")]
    public async Task What_is_missing_is_named_by_its_place(string path, string body, int status, string message) => await Refused(path, body, status, message);

    [Theory]
    [InlineData("/v1/rewards", """{"messages": [ASKED, {"role": "assistant", "content": []}]}""", 422, "messages[1].content is an empty list, expected a text or a list of text parts")]
    [InlineData("/v1/rewards", """{"prompt": [{"role": "user", "content": []}], "response": "A"}""", 422, "prompt[0].content is an empty list")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": []}]}""", 400, "messages[1].content is an empty list")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": [{"type": "text"}]}]}""", 400, "messages[1].content[0].text is missing")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": [{"type": "text", "text": null}]}]}""", 400, "messages[1].content[0].text is null, expected a value")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": [null]}]}""", 400, "messages[1].content[0] is null, expected an object")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": null}]}""", 400, "messages[1].content is null, expected a text")]
    [InlineData("/classify", """{"messages": [ASKED, {"role": "assistant", "content": null, "name": "x"}]}""", 400, "messages[1].content is null, expected a text")]
    [InlineData("/v1/rewards", """{"messages": [ASKED, {"role": "assistant", "content": null, "annotations": [], "weight": 1}]}""", 422, "messages[1].content is null, expected a text")]
    [InlineData("/judge", """{"conv": [ASKED, {"role": "assistant", "content": []}]}""", 400, "conv[1].content is an empty list")]
    [InlineData("/slime", """{"prompt": [{"role": "user", "content": []}], "response": "A"}""", 400, "prompt[0].content is an empty list")]
    [InlineData("/roll/submit", """{"prompt": [{"role": "user", "content": []}], "response": "A"}""", 400, "prompt[0].content is an empty list")]
    [InlineData("/verify", """{"responses_create_params": {"input": "Q"}, "response": {"output": [{"type": "message", "content": []}]}}""", 422, "response.output[0].content is an empty list")]
    [InlineData("/score", """{"queries": "Q", "documents": {"content": []}}""", 400, "documents.content is an empty list")]
    [InlineData("/rerank", """{"query": "Q", "documents": ["A", {"content": []}]}""", 400, "documents[1].content is an empty list")]
    [InlineData("/rerank", """{"query": {"content": [{"type": "text"}]}, "documents": ["A"]}""", 400, "query.content[0].text is missing")]
    [InlineData("/rerank", """{"query": "Q", "documents": [{"content": null}]}""", 400, "documents[0].content is null, expected a value")]
    public async Task A_content_without_text_is_no_empty_answer(string path, string body, int status, string message) =>
        await Refused(path, body.Replace("ASKED", User, StringComparison.Ordinal), status, message);

    [Fact]
    public async Task An_empty_list_says_nothing()
    {
        string body = $$"""{"responses_create_params": {"input": "Q", "tools": []}, "response": {{Response}}, "images": []}""";
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"), (await rewards.Server.Post("/verify", body)).Ok.GetProperty("reward"));
    }

    [Theory]
    [InlineData("/v1/rewards", $$"""{"messages": [{{User}}]}""", 422, "messages must end with an answer of the assistant, found a message of 'user'")]
    [InlineData("/judge", $$"""{"conv": [{{User}}]}""", 400, "conv must end with an answer of the assistant, found a message of 'user'")]
    [InlineData("/judge", $$"""{"conv": [{{Both}}, [{{User}}]]}""", 400, "conv[1] must end with an answer of the assistant, found a message of 'user'")]
    public async Task Dialogues_without_an_answer(string path, string body, int status, string message) => await Refused(path, body, status, message);

    [Theory]
    [InlineData("/v1/rewards", $$"""{"messages": {{Both}}, "response": "B"}""", 422, "response does not go with messages, and would be passed over")]
    [InlineData("/v1/rewards", """{"prompt": "Q", "response": "A", "answer": [1, 2]}""", 422, "answer does not go with prompt, and would be passed over")]
    [InlineData("/v1/rewards", """{"text": "x", "template_arguments": {"tools": []}}""", 422, "template_arguments does not go with text, and would be passed over")]
    [InlineData("/classify", $$"""{"messages": {{Both}}, "input": "x"}""", 400, "messages and input are both given")]
    [InlineData("/classify", """{"input": "x", "text": "y"}""", 400, "input and text are both given")]
    [InlineData("/score", """{"queries": "Q", "documents": "A", "items": "B", "text_1": "R"}""", 400, "queries and text_1 are both given")]
    [InlineData("/score", """{"queries": "Q", "documents": "A", "items": "B"}""", 400, "documents and items are both given")]
    [InlineData("/v1/score", """{"query": "Q", "queries": "R", "items": "A"}""", 400, "queries and query are both given")]
    [InlineData("/rerank", """{"query": "Q", "documents": ["A"], "texts": ["B"]}""", 400, "documents and texts are both given")]
    public async Task Two_things_where_one_is_meant(string path, string body, int status, string message) => await Refused(path, body, status, message);

    [Fact]
    public async Task A_limit_that_was_asked_for_is_named() =>
        await Refused("/v1/rewards", """{"prompt": "Q", "response": "A", "max_tokens": 2}""", 413, "tokens, max_tokens allows 2; shorten it, or ask for truncation");

    [Fact]
    public async Task A_dialogue_that_is_too_long_is_not_told_as_its_answer() =>
        await Refused("/v1/rewards", $$"""{"prompt": "{{string.Concat(Enumerable.Repeat("one ", 600))}}", "response": "A"}""", 413, "response with its prompt has");

    [Theory]
    [InlineData("/slime", """{"prompt": [{"role": "user", "content": "LONG"}], "response": "A"}""", 400, "response with its prompt has")]
    [InlineData("/predict", """{"inputs": [["LONG", "A"]]}""", 413, "inputs[0] has")]
    [InlineData("/rerank", """{"query": "LONG", "documents": ["A"]}""", 400, "documents[0] with its query has")]
    [InlineData("/rerank", """{"query": "LONG", "texts": ["A"]}""", 413, "texts[0] with its query has")]
    public async Task What_is_too_long_is_named_as_its_wire_does(string path, string body, int status, string message) =>
        await Refused(path, body.Replace("LONG", string.Concat(Enumerable.Repeat("one ", 600)), StringComparison.Ordinal), status, message);

    [Fact]
    public async Task Arguments_that_say_what_is_done_anyway_are_no_fault()
    {
        const string Off = """{"add_generation_prompt": false, "continue_final_message": false}""";
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"),
            (await rewards.Server.Post("/v1/rewards", $$"""{"prompt": "Q", "response": "A", "template_arguments": {{Off}}}""")).Ok.GetProperty("results")[0].GetProperty("score"));
    }

    [Theory]
    [InlineData("/v1/rewards", """{"text": ""}""", 422)]
    [InlineData("/classify", """{"input": ""}""", 400)]
    [InlineData("/get_reward", """{"query": [""]}""", 400)]
    [InlineData("/predict", """{"inputs": ""}""", 400)]
    public async Task A_rendered_text_that_is_empty_was_lost(string path, string body, int status) => await Refused(path, body, status, "is empty, expected a text that a template rendered");

    [Fact]
    public async Task Truncation_to_more_than_the_model_takes_is_refused() =>
        await Refused("/classify", """{"input": "x", "truncate_prompt_tokens": 1000000000}""", 400, "truncation to 1000000000 tokens is asked for, and the model takes");

    [Theory]
    [InlineData("""{"inputs": null}""", "inputs is null, expected a list")]
    [InlineData("""{"inputs": [], "prompt": "Q"}""", "inputs and prompt are both given")]
    [InlineData("""{"messages": [{"role": "user", "content": null}]}""", "messages[0].content is null, expected a text")]
    [InlineData("""{"inputs": [{"prompt": "Q", "response": "A", "model": "x"}]}""", "inputs[0].model")]
    public async Task What_is_wrong_is_named_where_it_stands(string body, string message) => await Refused("/v1/rewards", body, 422, message);

    [Fact]
    public async Task An_answer_s_place_is_refused_in_the_client_s_own_numbers() =>
        await Refused("/v1/rewards", """{"ids": [5, 6], "answer": [1, 3]}""", 422, "tokens 1 to 3 (one past the last) of 2");

    [Theory]
    [InlineData("bos_token", "\"x\"", "which is the tokenizer's")]
    [InlineData("add_generation_prompt", "true", "which continues a prompt, and a reward reads a finished answer")]
    [InlineData("continue_final_message", "true", "which continues a prompt, and a reward reads a finished answer")]
    [InlineData("messages", "[]", "which is the dialogue itself")]
    [InlineData("raise_exception", "1", "which is a function of templates")]
    [InlineData("range", "null", "which is a function of templates")]
    public async Task Template_arguments_that_are_not_the_client_s(string name, string value, string why)
    {
        string argument = $"{{ \"{name}\": {value} }}";
        await Refused("/v1/rewards", $$"""{"prompt": "Q", "response": "A", "template_arguments": {{argument}} }""", 422, $"the template's arguments hold '{name}', {why}");
        await Refused("/classify", $$"""{"messages": {{Both}}, "chat_template_kwargs": {{argument}} }""", 400, $"the template's arguments hold '{name}', {why}");
    }

    [Fact]
    public async Task A_refusal_of_the_request_as_a_whole_names_no_field() =>
        Assert.Equal(System.Text.Json.JsonValueKind.Null, (await rewards.Server.Post("/v1/rewards", "{}")).Refused(422).GetProperty("error").GetProperty("field").ValueKind);

    [Theory]
    [InlineData("Human", "Assistant")]
    [InlineData("human", "gpt")]
    public async Task Roles_are_those_that_files_are_read_with(string asks, string answers)
    {
        string messages = $$"""[{"role": "{{asks}}", "content": "Q"}, {"role": "{{answers}}", "content": "A"}]""";
        float score = rewards.Scorer.Score("Q", "A");
        JsonAssert.Score(score, (await rewards.Server.Post("/v1/rewards", $$"""{"messages": {{messages}}}""")).Ok.GetProperty("results")[0].GetProperty("score"));
        JsonAssert.Score(score, (await rewards.Server.Post("/judge", $$"""{"conv": {{messages}}}""")).Ok.GetProperty("embedding")[0]);
    }

    [Theory]
    [InlineData("", "the body is empty, expected a JSON object")]
    [InlineData("[1]", "the body is a list, expected a JSON object")]
    [InlineData("""{"prompt": "Q",""", "the body is not valid JSON: it ends before what it began is closed; send all of it")]
    [InlineData("""{"prompt": "Q""", "the body is not valid JSON: it ends before what it began is closed; send all of it")]
    [InlineData("{\n\"prompt\": yes}", "the body is not valid JSON at line 2, byte 11: found 'y', expected a value")]
    [InlineData("""{prompt: "Q"}""", "the body is not valid JSON at line 1, byte 2: found 'p', expected a field's name in double quotes")]
    [InlineData("""{"prompt" "Q"}""", "the body is not valid JSON at line 1, byte 11: found '\"', expected a colon")]
    [InlineData("""{"prompt": "Q" "response": "A"}""", "the body is not valid JSON at line 1, byte 16: found '\"', expected a comma or the end of the list or object")]
    [InlineData("""{"prompt": "Q",}""", "the body is not valid JSON at line 1, byte 16: expected a value after the comma")]
    [InlineData("""{"prompt": "Q"} x""", "the body is not valid JSON at line 1, byte 17: found 'x', expected nothing after the object")]
    [InlineData("{\"prompt\": \"a\nb\"}", "the body is not valid JSON at line 1, byte 14: found '0x0A', expected text without control characters, these being escaped")]
    [InlineData("""{"prompt": "\x"}""", "expected an escape such as")]
    [InlineData("""{"prompt": "Q", "prompt": "R", "response": "A"}""", "field 'prompt' appears twice in one object; give it once")]
    public async Task Bodies_that_are_not_JSON(string body, string message)
    {
        var error = (await rewards.Server.Post("/v1/rewards", body)).Refused(400).GetProperty("error");
        Assert.Equal("malformed", error.GetProperty("kind").GetString());
        Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nesting_is_refused_by_its_bound() =>
        Assert.Contains("the body is nested deeper than 64 levels", (await rewards.Server.Post("/classify", new string('[', 100_000))).Refused(400).GetRawText(), StringComparison.Ordinal);

    private async Task Refused(string path, string body, int status, string message) =>
        Assert.Contains(message, (await rewards.Server.Post(path, body)).Refused(status).GetRawText(), StringComparison.Ordinal);
}
