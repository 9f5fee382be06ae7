using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM;

/// <summary>Leaves out of a preference set what a model cannot read.</summary>
/// <example><code>PreferenceSet readable = EncodableItems.Of(data, backbone, ReadOutPosition.Last);   // readable.Skipped counts the others</code></example>
public static class EncodableItems
{
    /// <summary>The set without the items that have a completion which cannot be encoded: too long, refused by the chat template, without tokens to read.</summary>
    /// <param name="data">The set.</param>
    /// <param name="backbone">Encodes.</param>
    /// <param name="position">Where states are read.</param>
    /// <returns>The set itself where all items can be; else one whose <see cref="PreferenceSet.Skipped"/> counts the others, too.</returns>
    /// <exception cref="DataFormatException">No item is left; names the first one's problem.</exception>
    public static PreferenceSet Of(PreferenceSet data, Backbone backbone, ReadOutPosition position)
    {
        var kept = new List<PreferenceItem>();
        var skipped = new List<DataFormatException>();
        foreach (var item in data.Items)
        {
            if (Problem(item, backbone, position) is not { } problem)
            {
                kept.Add(item);
                continue;
            }
            skipped.Add(new DataFormatException(data.Path, item.Line, problem));
        }
        if (skipped is not [var first, ..]) return data;
        if (kept.Count == 0) throw new DataFormatException(data.Path, first.Line, $"{first.Problem} (and no other row can be read by the model)");
        return data with { Items = kept, Skipped = data.Skipped.And(skipped) };
    }

    private static string? Problem(PreferenceItem item, Backbone backbone, ReadOutPosition position)
    {
        foreach (IReadOnlyList<Message> completion in item.Chosen.Concat(item.Rejected))
        {
            try
            {
                _ = backbone.Encoder.Encode([.. item.Prompt, .. completion], item.Arguments).ReadAt(position);
            }
            catch (SparseRMException error)
            {
                return error.Message;
            }
        }
        return null;
    }
}
