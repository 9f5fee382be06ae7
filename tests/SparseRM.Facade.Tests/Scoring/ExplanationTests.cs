namespace SparseRM.Facade.Tests.Scoring;

public sealed class ExplanationTests(FittedReward fitted)
{
    [Fact]
    public void Shares_add_up_to_the_score_minus_the_means_score()
    {
        using var scorer = fitted.Open();
        for (int i = 0; i < 6; i++)
        {
            var parts = scorer.Explain(fitted.Dialogues[i]).Parts;
            Assert.Equal(fitted.Scores[i], parts.Score, 1e-5);
            Assert.Equal(parts.Score - parts.MeanScore, parts.Shares.Sum(share => share.Share), 1e-4);
            Assert.Equal(scorer.Reward.Head.Score(scorer.Reward.MeanInput.Span), parts.MeanScore, 1e-9);
            Assert.Equal(scorer.Reward.Input.Count, parts.Shares.Count);
        }
    }

    [Fact]
    public void Names_latents_and_tokens_in_order_of_size()
    {
        using var scorer = fitted.Open();
        var top = scorer.Explain(fitted.Dialogues[0], directions: 4, tokens: 3).Top;
        var tokenizer = scorer.Backbone.Tokenizer!;
        int[] ids = scorer.Backbone.Encoder.Encode(fitted.Dialogues[0]).Ids.ToArray();
        Assert.Equal(4, top.Count);
        Assert.Equal(top.OrderByDescending(direction => Math.Abs(direction.Share.Share)), top);
        foreach (var direction in top)
        {
            Assert.Contains(direction.Share.Latent!.Value, fitted.Result.Reward.Input.Latents);
            Assert.Equal(3, direction.Tokens.Count);
            Assert.Equal(direction.Tokens.OrderByDescending(token => Math.Abs(token.Push)), direction.Tokens);
            foreach (var token in direction.Tokens)
            {
                Assert.InRange(token.Position, 1, ids.Length - 1); // The BOS says nothing of the text.
                Assert.Equal(tokenizer.TokenText(ids[token.Position]), token.Text);
            }
        }
    }

    [Fact]
    public void The_last_tokens_push_is_the_share_itself()
    {
        using var scorer = fitted.Open();
        var dialogue = fitted.Dialogues[3];
        int last = scorer.Backbone.Encoder.Encode(dialogue).Ids.Length - 1;
        var direction = scorer.Explain(dialogue, directions: 1, tokens: int.MaxValue).Top.Single();
        Assert.Equal(direction.Share.Share, direction.Tokens.Single(token => token.Position == last).Push, 1e-9);
    }
}
