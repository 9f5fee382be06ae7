using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A session's scores have the bits of its whole text alone, whatever it held before.</summary>
public class SessionTests(TinyReward reward)
{
    private static readonly Message[] s_prompt = [new("user", "What is six minus three?")];
    private static readonly string[] s_answers = ["Seventeen.", "Seven", "Three.", "Seventeen", "Four, or so it is said.", "Seventeen."];

    public static TheoryData<string> Families => [.. TinyReward.Families];

    [Theory, MemberData(nameof(Families))]
    public void An_answer_that_replaces_another_is_scored_as_itself(string family)
    {
        using var scorer = reward.Open(family);
        using var session = scorer.OpenSession(s_prompt);
        foreach (string answer in s_answers)
        {
            session.SetAnswer(answer);
            TensorAssert.SameBits([Alone(scorer, answer)], [session.Score()]);
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void A_fork_that_takes_another_answer_leaves_the_first_as_it_was(string family)
    {
        using var scorer = reward.Open(family);
        using var session = scorer.OpenSession(s_prompt);
        session.SetAnswer(s_answers[0]);
        foreach (string answer in s_answers)
        {
            using var fork = session.Fork();
            fork.SetAnswer(answer);
            TensorAssert.SameBits([Alone(scorer, answer), Alone(scorer, s_answers[0])], [fork.Score(), session.Score()]);
        }
    }

    [Fact]
    public void Ids_are_not_appended_to_a_prompt_of_messages()
    {
        using var scorer = reward.Open("gemma2");
        using var session = scorer.OpenSession(s_prompt);
        Refuses(session);
        session.SetAnswer(s_answers[0]);
        using var fork = session.Fork();
        Refuses(session);
        Refuses(fork);
        TensorAssert.SameBits([Alone(scorer, s_answers[0]), Alone(scorer, s_answers[0])], [session.Score(), fork.Score()]);
    }

    private static void Refuses(ScoringSession session) =>
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SparseRMException>(() => session.Append(5, 6)).Kind);

    private static float Alone(RewardScorer scorer, string answer) => scorer.Score([.. s_prompt, new("assistant", answer)]);
}
