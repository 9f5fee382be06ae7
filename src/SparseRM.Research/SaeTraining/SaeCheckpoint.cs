using System.Globalization;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Research.SaeTraining;

/// <summary>All that a training needs to go on with the same bits, in a file beside the SAE to come.</summary>
/// <param name="path">The file.</param>
/// <param name="study">Names model, data and options; a checkpoint of others is refused.</param>
internal sealed class SaeCheckpoint(string path, string study)
{
    /// <summary>The file's name.</summary>
    public const string FileName = "checkpoint.safetensors";

    /// <summary>Writes it, whole or not at all.</summary>
    public void Write(SaeTrainer trainer, SaeParameters parameters, StateNorm norm, StreamPosition position, long tokens)
    {
        var tensors = parameters.ToTensors().Append(TensorToWrite.Singles("mean", norm.Mean, norm.Mean.Length)).Append(TensorToWrite.Singles("scale", new[] { norm.Scale }, 1))
            .Append(TensorToWrite.Integers("since", trainer.Since, trainer.Since.Length))
            .Append(TensorToWrite.Integers("counts", new long[]
            {
                trainer.Steps, BitConverter.DoubleToInt64Bits(trainer.BatchThreshold), position.Window, position.Piece, position.Batch, tokens,
            }, 6));
        SafetensorsWriter.Write(path, [.. tensors], new Dictionary<string, string> { ["format"] = "pt", ["study"] = study });
    }

    /// <summary>Reads it into trainer and parameters; null where there is none.</summary>
    /// <exception cref="SparseRMException">It is of another training, or not whole.</exception>
    public (StateNorm Norm, StreamPosition Position, long Tokens)? Read(SaeTrainer trainer, SaeParameters parameters)
    {
        if (!File.Exists(path)) return null;
        var file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue("study", out string? found) || found != study)
        {
            throw new SparseRMException(
                $"{path}: is of another training than this ({found ?? "no name"}, this one is {study}): model, layer, data or options differ; name another output, or remove the file");
        }
        parameters.Read(file);
        trainer.PackAll();
        Integers(file, "since", trainer.Since.Length).CopyTo(trainer.Since, 0);
        long[] counts = Integers(file, "counts", 6);
        (trainer.Steps, trainer.BatchThreshold) = (counts[0], BitConverter.Int64BitsToDouble(counts[1]));
        var norm = new StateNorm(file.Take("mean", parameters.DIn).ReadSingles(), file.Take("scale", 1).ReadSingles()[0]);
        return (norm, new StreamPosition(counts[2], counts[3], (int)counts[4]), counts[5]);
    }

    private static long[] Integers(SafetensorsFile file, string name, int length)
    {
        var slice = file.Take(name);
        return slice.Shape is [var count] && count == length ? slice.ReadIntegers() : throw new ModelFormatException(file.Path, $"tensor \"{name}\" does not have {length} elements; remove the file");
    }

    /// <summary>Removes it, once the SAE is saved.</summary>
    public void Delete() => File.Delete(path);
}
