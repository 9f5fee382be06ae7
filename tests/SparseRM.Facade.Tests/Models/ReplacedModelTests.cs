using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Facade.Tests.Models;

/// <summary>A model folder whose files change while the model is open: nobody is given states of two models, or of another than he opened.</summary>
public sealed class ReplacedModelTests : IDisposable
{
    private const string Weights = "model.safetensors", InBlock0 = "model.layers.0.mlp.down_proj.weight";
    private readonly TemporaryFolder _folder = WeightEdits.Changed();
    private readonly TemporaryFolder _other = WeightEdits.Changed(InBlock0, values => Scale(values));

    public void Dispose()
    {
        _folder.Dispose();
        _other.Dispose();
    }

    [Fact]
    public void Whoever_opens_a_replaced_folder_gets_the_new_model_and_whoever_has_it_open_keeps_the_old_one()
    {
        using var before = Open(_folder);
        float[] old = States(before, 1);
        string fingerprint = before.Model.FingerprintOf(0);
        Replace();
        using var after = Open(_folder);
        using var expected = Open(_other);
        Assert.NotSame(before.Model, after.Model);
        Assert.Equal(States(expected, 1), States(after, 1));
        Assert.Equal(old, States(before, 1));
        Assert.NotEqual(old, States(after, 1));
        Assert.NotEqual(fingerprint, after.Model.FingerprintOf(0));
    }

    [Fact]
    public void Later_blocks_and_fingerprints_are_not_taken_from_a_file_that_took_the_name()
    {
        using var backbone = Open(_folder);
        float[] old = States(backbone, 1);
        Replace();
        Refuses(() => backbone.Load(2));
        Refuses(() => backbone.Model.FingerprintOf(1));
        // What is loaded goes on, and a second try is refused as the first was.
        Assert.Equal(old, States(backbone, 1));
        Refuses(() => backbone.Load(2));
        using var after = Open(_folder);
        after.Load(2);
        Assert.Equal(2, after.Model.LastLayer);
    }

    [Fact]
    public void Rows_of_the_embedding_are_not_taken_from_what_was_written_over_the_file()
    {
        using var backbone = Open(_folder);
        States(backbone, 1);
        using (var file = File.Open(_folder.File(Weights), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Seek(-1, SeekOrigin.End);
            file.WriteByte(1);
        }
        File.SetLastWriteTimeUtc(_folder.File(Weights), DateTime.UtcNow.AddSeconds(1)); // a clock that is read in coarse steps may stand still between two writes
        Refuses(() => States(backbone, 1));
        using var after = Open(_folder);
        States(after, 1);
    }

    private static void Refuses(Action action) => World.Refuses(action, Weights, "was replaced or written since it was opened", "open it again");

    private static Backbone Open(TemporaryFolder folder) => Backbone.Open(World.Backbone with { Model = folder.Path }, 1);

    private static float[] States(Backbone backbone, int layer) =>
        backbone.ReadStates([backbone.Encoder.EncodeIds(new[] { 5, 6, 7, 8, 9 }).ReadAt(ReadOutPosition.Last)], layer);

    /// <summary>Another file under the same name, of the same length, as a download puts it there.</summary>
    private void Replace()
    {
        Assert.Equal(new FileInfo(_folder.File(Weights)).Length, new FileInfo(_other.File(Weights)).Length);
        string staged = _folder.File("staged");
        File.Copy(_other.File(Weights), staged);
        File.SetLastWriteTimeUtc(staged, File.GetLastWriteTimeUtc(_folder.File(Weights)).AddSeconds(1));
        File.Move(staged, _folder.File(Weights), overwrite: true);
    }

    private static void Scale(float[] values)
    {
        for (int i = 0; i < values.Length; i++) values[i] *= 1.5f;
    }
}
