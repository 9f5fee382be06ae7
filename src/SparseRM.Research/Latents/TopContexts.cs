using SparseRM.Engine;
using SparseRM.Models;
using SparseRM.Research.Answers;
using SparseRM.Sae;
using SparseRM.Text;

namespace SparseRM.Research.Latents;

/// <summary>A token at which a latent is strongly active, with its surroundings.</summary>
/// <param name="Before">Text of the tokens before it.</param>
/// <param name="Token">The token.</param>
/// <param name="After">Text of the tokens after it.</param>
/// <param name="Activation">The latent's activation there.</param>
/// <param name="IsChosen">Whether the answer is a preferred one.</param>
/// <param name="Line">Line of its item in the data; 0 where there is none.</param>
public sealed record LatentContext(string Before, string Token, string After, double Activation, bool IsChosen, long Line);

/// <summary>Finds the tokens at which latents are most active, in one pass over the answers with their prompts; memory grows with latents, not with tokens.</summary>
/// <param name="answers">The answers.</param>
/// <param name="latents">Ids of the latents.</param>
/// <param name="count">Contexts of each.</param>
internal sealed class TopContexts(AnswerSet answers, int[] latents, int count)
{
    private const int TokensBefore = 14, TokensAfter = 6;
    private readonly List<(float Activation, int Row, int Token, long Beginning)>[] _top = [.. latents.Select(_ => new List<(float, int, int, long)>())];
    private readonly Dictionary<int, int> _places = latents.Index().ToDictionary(latent => latent.Item, latent => latent.Index);
    private readonly (float Activation, int Token)[] _best = new (float, int)[latents.Length];

    /// <summary>Reads them. The token at BOS is left out: its state is an outlier by design of these models.</summary>
    /// <param name="backbone">The model.</param>
    /// <param name="sae">The SAE.</param>
    /// <param name="layer">Block after which it reads.</param>
    /// <param name="progress">Told of the answers done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <returns>By latent, the strongest first; of tokens with the same text before them, one.</returns>
    public IReadOnlyList<LatentContext>[] Read(Backbone backbone, SparseAutoencoder sae, int layer, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        TokenSequence[] sequences = [.. Enumerable.Range(0, answers.Count).Select(row => answers.Sequence(row)).Select(sequence => sequence with
        {
            ReadOut = ReadOut.Each(sequence.Ids.Length > 1 && sequence.Ids.Span[0] == backbone.Tokenizer?.BosId ? 1 : 0, sequence.Ids.Length),
        })];
        SaeEncoder? encoder = null;
        float[] block = [];
        try
        {
            backbone.Engine.Run(StatesRequest.Of(sequences, layer, (states, numbers) =>
            {
                encoder ??= new SaeEncoder(backbone.Backend, sae);
                int length = states.Rows * states.Columns, next = 0;
                if (block.Length < length) block = new float[length];
                StateReading.DownloadFinite(backbone.Backend, states, block, layer);
                int[] rows = numbers.ToArray();
                int end = sequences[rows[0]].ReadOut.Positions;
                encoder.Encode(states, (at, ids, values) =>
                {
                    if (at == end)
                    {
                        Close(sequences, rows[next++]);
                        end += sequences[rows[next]].ReadOut.Positions;
                    }
                    int token = sequences[rows[next]].ReadOut.End - (end - at);
                    for (int i = 0; i < ids.Length; i++)
                        if (_places.TryGetValue(ids[i], out int place) && values[i] > _best[place].Activation) _best[place] = (values[i], token);
                });
                Close(sequences, rows[next]);
            }), new StageProgress(progress, "reading contexts", sequences.Length), cancel);
        }
        finally
        {
            backbone.Engine.Use(() => encoder?.Dispose());
        }
        bool[] chosen = new bool[answers.Count];
        long[] lines = new long[answers.Count];
        foreach (var (item, rows) in answers.Data.Items.Zip(answers.Items))
        {
            foreach (int row in rows.Chosen.Concat(rows.Rejected)) lines[row] = item.Line;
            foreach (int row in rows.Chosen) chosen[row] = true;
        }
        return [.. _top.Select(top => (IReadOnlyList<LatentContext>)[.. top.Select(one =>
            Shown(backbone.Tokenizer, sequences[one.Row].Ids.Span, one.Token, one.Activation, chosen[one.Row], lines[one.Row]))])];
    }

    // The strongest token of one answer enters each latent's list.
    private void Close(TokenSequence[] sequences, int row)
    {
        for (int place = 0; place < _best.Length; place++)
        {
            var (activation, token) = _best[place];
            _best[place] = default;
            var top = _top[place];
            if (activation == 0 || (top.Count == count && (activation, -row).CompareTo((top[^1].Activation, -top[^1].Row)) < 0)) continue;
            var ids = sequences[row].Ids.Span[..(token + 1)];
            long beginning = ((long)ids.Length << 32) | (uint)Hash(ids);
            int same = top.FindIndex(one => one.Beginning == beginning);
            if (same >= 0 && (activation, -row).CompareTo((top[same].Activation, -top[same].Row)) <= 0) continue;
            if (same >= 0) top.RemoveAt(same);
            int at = top.FindIndex(one => (activation, -row).CompareTo((one.Activation, -one.Row)) > 0);
            top.Insert(at < 0 ? top.Count : at, (activation, row, token, beginning));
            if (top.Count > count) top.RemoveAt(count);
        }
    }

    // The same in every process, unlike System.HashCode (FNV-1a).
    private static int Hash(ReadOnlySpan<int> ids)
    {
        uint hash = 2166136261;
        foreach (int id in ids) hash = unchecked((hash ^ (uint)id) * 16777619);
        return (int)hash;
    }

    private static LatentContext Shown(ModelTokenizer? tokenizer, ReadOnlySpan<int> ids, int token, float activation, bool isChosen, long line)
    {
        int first = Math.Max(0, token - TokensBefore), last = Math.Min(ids.Length, token + 1 + TokensAfter);
        return new LatentContext((first > 0 ? "... " : "") + Join(ids[first..token]), Join(ids.Slice(token, 1)), Join(ids[(token + 1)..last]) + (last < ids.Length ? " ..." : ""), activation, isChosen, line);

        string Join(ReadOnlySpan<int> part)
        {
            var text = new System.Text.StringBuilder();
            foreach (int id in part) text.Append(tokenizer?.TokenText(id) ?? $"<id {id}>");
            return text.ToString();
        }
    }
}
