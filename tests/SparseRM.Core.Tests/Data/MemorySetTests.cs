using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class MemorySetTests
{
    [Fact]
    public void A_set_is_made_of_items_in_memory()
    {
        PreferenceSet set = PreferenceSet.Of([PreferenceItem.Of("q", "a", "b"), PreferenceItem.Of("r", "c", "d") with { Subset = "s" }]);
        Assert.Equal([1, 2], set.Items.Select(item => item.Line));
        Assert.Equal([new Message("user", "r")], set.Items[1].Prompt);
        Assert.Equal(("memory", "items", 0L), (set.Container, set.Format, set.Skipped.Count));
    }

    [Fact]
    public void Its_hash_tells_sets_apart_in_everything()
    {
        PreferenceItem item = PreferenceItem.Of("q", "a", "b");
        var tools = new JsonFields(System.Text.Json.JsonElement.Parse("""{"tools":[]}"""));
        PreferenceItem[] others =
        [
            PreferenceItem.Of("r", "a", "b"), PreferenceItem.Of("q", "b", "a"), item with { Id = "1" }, item with { Subset = "1" }, item with { Arguments = tools },
            item with { Prompt = [new Message("system", "q")] }, item with { Chosen = [[new Message("assistant", "a") { Fields = tools }]] },
        ];
        string[] hashes = [.. others.Prepend(item).Select(one => PreferenceSet.Of([one]).DataHash)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal(hashes[0], PreferenceSet.Of([PreferenceItem.Of("q", "a", "b")]).DataHash);
    }

    [Theory]
    [InlineData(" ", "a", "b", "the prompt is empty")]
    [InlineData("q", "", "b", "the chosen answer is empty")]
    [InlineData("q", "a", "a", "the chosen and the rejected answer are equal")]
    public void Refuses_an_item_by_its_number(string prompt, string chosen, string rejected, string problem)
        => Assert.Equal($"pairs, item 2: {problem}", Assert.Throws<DataFormatException>(
            () => PreferenceSet.Of([PreferenceItem.Of("q", "a", "b"), PreferenceItem.Of(prompt, chosen, rejected)], "pairs")).Message);

    [Fact]
    public void Refuses_an_empty_dialogue_and_an_empty_set()
    {
        PreferenceItem item = PreferenceItem.Of("q", "a", "b");
        Assert.Contains("the prompt is empty", Assert.Throws<DataFormatException>(() => PreferenceSet.Of([item with { Prompt = [] }])).Message);
        Assert.Contains("the chosen answer is empty", Assert.Throws<DataFormatException>(() => PreferenceSet.Of([item with { Chosen = [[]] }])).Message);
        Assert.Contains("there are none", Assert.Throws<DataFormatException>(() => PreferenceSet.Of([])).Message);
    }
}
