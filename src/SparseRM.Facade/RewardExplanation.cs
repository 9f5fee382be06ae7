using SparseRM.Engine;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM;

/// <summary>One direction's part in a score, and the tokens at which its projection is pushed most.</summary>
/// <param name="Share">Value, mean, slope and share of the score.</param>
/// <param name="Tokens">The strongest tokens, strongest first.</param>
public sealed record ExplainedDirection(DirectionShare Share, IReadOnlyList<TokenPush> Tokens);

/// <summary>What a direction reads at one token, in units of the score.</summary>
/// <param name="Position">The token's position.</param>
/// <param name="Text">The token.</param>
/// <param name="Push">See <see cref="DirectionShare.Push"/>.</param>
public readonly record struct TokenPush(int Position, string Text, double Push);

/// <summary>Why a text got its score: shares of all directions, and tokens for the largest.</summary>
/// <param name="Score">The score, with the bits that it has without an explanation.</param>
/// <param name="Parts">The mean's score and every direction's share.</param>
/// <param name="Top">The largest shares with their tokens.</param>
public sealed record RewardExplanation(float Score, ScoreExplanation Parts, IReadOnlyList<ExplainedDirection> Top)
{
    /// <summary>Explains one input, from one forward pass.</summary>
    /// <param name="scorer">The open scorer.</param>
    /// <param name="input">From its encoder.</param>
    /// <param name="directions">How many directions get tokens.</param>
    /// <param name="tokens">How many tokens each.</param>
    internal static RewardExplanation Of(RewardScorer scorer, EncodedInput input, int directions, int tokens)
    {
        var (score, inputs) = scorer.ScoreWithInputs(input);
        int width = scorer.Reward.Input.Count, count = input.Ids.Length;
        var parts = ScoreExplanation.Of(scorer.Reward, inputs.AsSpan(count * width));
        var tokenizer = scorer.Backbone.Tokenizer;
        int[] ids = input.Ids.ToArray();
        // The state at BOS is an outlier by design of these models: it says nothing of the text.
        int first = tokenizer?.BosId is { } bos && ids[0] == bos ? 1 : 0;
        return new RewardExplanation(score, parts, [.. parts.Top(directions).Select(share => new ExplainedDirection(share,
            [.. Enumerable.Range(first, count - first)
                .Select(t => new TokenPush(t, tokenizer?.TokenText(ids[t]) ?? $"{ids[t]}", share.Push(inputs[t * width + share.Index])))
                .OrderByDescending(token => Math.Abs(token.Push)).ThenBy(token => token.Position).Take(tokens)]))]);
    }
}
