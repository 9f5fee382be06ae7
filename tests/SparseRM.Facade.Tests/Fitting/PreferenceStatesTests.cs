using SparseRM.Data;
using SparseRM.Models;

namespace SparseRM.Facade.Tests.Fitting;

public sealed class PreferenceStatesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Has_one_row_for_each_completion_and_one_pair_for_each_two()
    {
        using var backbone = Backbone.Open(World.Backbone, layer: 4);
        var data = World.Pairs("test", 3);
        var states = Open(backbone, data, layer: 4);
        Assert.Equal((6, 192, true), (states.Count, states.DModel, states.AreKept));
        Assert.Equal([(0, 1, 0), (2, 3, 1), (4, 5, 2)], states.Pairs());
        float[] alone = backbone.ReadStates([World.Last(backbone, World.Dialogues(data)[3])], 4);
        float[] read = [];
        states.Read([3], (_, block, _) => read = block.ToArray());
        TensorAssert.SameBits(alone, read);
        var scores = states.Scores(row => row);
        Assert.Equal([2f], scores[1].Chosen);
        Assert.Equal([3f], scores[1].Rejected);
    }

    [Fact]
    public void Names_file_and_line_of_a_dialogue_that_cannot_be_encoded()
    {
        string path = _folder.File("pairs.jsonl"), tooLong = string.Concat(Enumerable.Repeat("late early ", 400));
        File.WriteAllLines(path,
        [
            """{"prompt": "Why?", "chosen": "So.", "rejected": "No."}""",
            $$"""{"prompt": "Why?", "chosen": "{{tooLong}}", "rejected": "No."}""",
        ]);
        using var backbone = Backbone.Open(World.Backbone);
        World.Refuses(() => Open(backbone, PreferenceFile.Read(path)), "pairs.jsonl, line 2: ", "512");
    }

    [Fact]
    public void Reads_a_lone_surrogate_and_a_name_of_a_special_token()
    {
        string path = _folder.File("pairs.jsonl");
        File.WriteAllLines(path, ["""{"prompt": "\ud800 <bos>", "chosen": "\udc00", "rejected": "<eos>"}"""]);
        using var backbone = Backbone.Open(World.Backbone);
        if (Record.Exception(() => Open(backbone, PreferenceFile.Read(path))) is { } refused)
            Assert.Contains("line 1", Assert.IsType<SparseRM.Errors.DataFormatException>(refused).Message);
    }

    public void Dispose() => _folder.Dispose();

    private static PreferenceStates Open(Backbone backbone, PreferenceSet data, int layer = 0) =>
        PreferenceStates.Open(backbone, layer, ReadOutPosition.Last, data, null, PreferenceStates.DefaultKeptBytes, null, null, TestContext.Current.CancellationToken);
}
