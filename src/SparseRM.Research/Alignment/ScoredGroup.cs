using SparseRM.Text;

namespace SparseRM.Research.Alignment;

/// <summary>An answer with its score.</summary>
/// <param name="Messages">What follows the prompt, at least one message of the assistant at its end.</param>
/// <param name="Score">Finite.</param>
public sealed record ScoredAnswer(IReadOnlyList<Message> Messages, float Score);

/// <summary>The scored answers of one prompt.</summary>
/// <param name="Prompt">The dialogue before the answers.</param>
/// <param name="Arguments">What the chat template is given beside the messages, or null.</param>
/// <param name="Id">The id that its lines agree on, or null.</param>
/// <param name="Answers">In the order of the file.</param>
/// <param name="Unscored">Answers without a score, which are left out.</param>
/// <param name="Line">Its first line in the file, from 1.</param>
public sealed record ScoredGroup(IReadOnlyList<Message> Prompt, JsonFields? Arguments, string? Id, IReadOnlyList<ScoredAnswer> Answers, int Unscored, long Line);
