using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM;

/// <summary>One direction's part in a score, and the tokens at which its projection is pushed most.</summary>
/// <param name="Share">Value, mean, slope and share of the score.</param>
/// <param name="Tokens">The strongest tokens, strongest first.</param>
/// <example><code>
/// foreach (var (share, tokens) in result.Explanation!.Top) Console.WriteLine($"latent {share.Latent?.Latent}: {share.Share:+0.00;-0.00} at {tokens[0].Text}");
/// </code></example>
public sealed record ExplainedDirection(DirectionShare Share, IReadOnlyList<TokenPush> Tokens);

/// <summary>What a direction reads at one token, in units of the score.</summary>
/// <param name="Position">The token's position.</param>
/// <param name="Text">The token.</param>
/// <param name="Value">Its projection at that token.</param>
/// <param name="Push">See <see cref="DirectionShare.Push"/>.</param>
/// <example><code>foreach (TokenPush token in direction.Tokens) Console.WriteLine($"{token.Text} {token.Push:+0.00;-0.00}");</code></example>
public readonly record struct TokenPush(int Position, string Text, double Value, double Push);

/// <summary>Why a component of a reward model gave its score.</summary>
/// <param name="Name">The component.</param>
/// <param name="Parts">The mean's score and every direction's share; of several heads, the mean of theirs.</param>
/// <param name="Top">The largest shares with their tokens.</param>
/// <example><code>foreach (var component in explanation.Components) Console.WriteLine($"{component.Name}: {component.Parts.Score}");</code></example>
public sealed record ComponentExplanation(string Name, ScoreExplanation Parts, IReadOnlyList<ExplainedDirection> Top)
{
    /// <summary>What the directions that <see cref="Top"/> leaves out add up to.</summary>
    public double Remainder => Parts.Shares.Sum(share => share.Share) - Top.Sum(direction => direction.Share.Share);
}

/// <summary>Why a text got its score: for each component, shares of all directions, and tokens for the largest.</summary>
/// <param name="Score">The score, with the bits that it has without an explanation.</param>
/// <param name="Components">One for each component of the reward model.</param>
/// <example><code>
/// RewardExplanation why = scorer.ScoreAll([input], new ScoreOptions { Explain = 5 })[0].Explanation!;
/// double sum = why.Parts.MeanScore + why.Parts.Shares.Sum(share =&gt; share.Share);   // the score
/// </code></example>
public sealed record RewardExplanation(float Score, IReadOnlyList<ComponentExplanation> Components)
{
    /// <summary>Shares of the first component, which mostly is the only one.</summary>
    public ScoreExplanation Parts => Components[0].Parts;

    /// <summary>The largest shares of the first component.</summary>
    public IReadOnlyList<ExplainedDirection> Top => Components[0].Top;

    /// <summary>Explains an input, from one forward pass.</summary>
    /// <param name="reward">What scored it.</param>
    /// <param name="tokenizer">Names tokens; null shows ids.</param>
    /// <param name="input">The input.</param>
    /// <param name="score">Its score.</param>
    /// <param name="perToken">By component, v of every token, [tokens, inputs].</param>
    /// <param name="read">By component, v that the score was computed from, [inputs].</param>
    /// <param name="directions">Directions to show.</param>
    /// <param name="tokens">Tokens to show with each.</param>
    internal static RewardExplanation Of(
        RewardModel reward, ModelTokenizer? tokenizer, EncodedInput input, float score, float[]?[] perToken, float[][] read, int directions, int tokens) =>
        new(score, [.. reward.Components.Select((component, c) => Of(component, tokenizer, input, perToken[c]!, read[c], directions, tokens))]);

    private static ComponentExplanation Of(
        RewardComponent component, ModelTokenizer? tokenizer, EncodedInput input, float[] perToken, float[] v, int directions, int tokens)
    {
        int width = component.Input.Count;
        int[] ids = input.Ids.ToArray();
        // The state at BOS is an outlier by design of these models: it says nothing of the text.
        int first = tokenizer?.BosId is { } bos && ids[0] == bos ? 1 : 0;
        var parts = ScoreExplanation.Of(component, v);
        return new ComponentExplanation(component.Name, parts, [.. parts.Top(directions).Select(share => new ExplainedDirection(share,
            [.. Enumerable.Range(first, ids.Length - first)
                .Select(t => (Position: t, Text: tokenizer?.TokenText(ids[t]) ?? $"{ids[t]}", Value: (double)perToken[t * width + share.Index]))
                .Select(token => new TokenPush(token.Position, token.Text, token.Value, share.Push(token.Value)))
                .OrderByDescending(token => Math.Abs(token.Push)).ThenBy(token => token.Position).Take(tokens)]))]);
    }
}
