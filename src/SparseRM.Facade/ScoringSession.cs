using System.Diagnostics.CodeAnalysis;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM;

/// <summary>A text that grows: its keys and values stay, so that each score costs only what was added. One call at a time.</summary>
/// <remarks>
/// <para>The bits of a score are those of the whole text alone, however it was cut into appends. Memory counts against
/// <see cref="BackboneOptions.SessionBytes"/> until the session is disposed.</para>
/// <para>Positions <c>last</c> and <c>content</c> cost what was added; <c>mean</c> needs the states of the whole answer and computes it again.</para>
/// </remarks>
/// <example><code>
/// using var session = scorer.OpenSession([new("user", "Name a prime.")]);
/// session.SetAnswer("7");
/// float first = session.Score();
/// using var other = session.Fork();       // the prompt is shared
/// other.SetAnswer("8");
/// float second = other.Score();
/// </code></example>
public sealed class ScoringSession : IDisposable
{
    private readonly RewardScorer _scorer;
    private readonly Backbone _backbone; // its own reference: memory lives on the backend
    private readonly IReadOnlyList<Message>? _prompt;
    private readonly SessionMemory _memory;
    private int[] _ids = [];
    private int _count, _same, _answerStart, _answerEnd, _busy, _disposed;
    private float[]? _heads; // scores of the text's heads; null where it was changed since

    internal ScoringSession(RewardScorer scorer, IReadOnlyList<Message>? prompt) : this(scorer, prompt, new SessionMemory())
    {
    }

    private ScoringSession(RewardScorer scorer, IReadOnlyList<Message>? prompt, SessionMemory memory) =>
        (_scorer, _backbone, _prompt, _memory) = (scorer, scorer.Backbone.Share(), prompt, memory);

    /// <summary>Tokens so far.</summary>
    public int Length => _count;

    /// <summary>The tokens so far.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, _count);

    /// <summary>Adds tokens to the answer; nothing is computed before a score is asked for.</summary>
    /// <param name="ids">Token ids.</param>
    /// <exception cref="SparseRMException">
    /// An id is outside the vocabulary, the text would be longer than the model's context, or the session was opened with messages: their template closes the
    /// answer, and what came behind it would be no part of it.
    /// </exception>
    public void Append(params ReadOnlySpan<int> ids)
    {
        using var call = Enter();
        if (_prompt is not null) throw new SparseRMException(ErrorKind.Usage, "the session was opened with a prompt of messages; set the answer's text instead of appending token ids");
        foreach (int id in ids)
            if ((uint)id >= (uint)_backbone.Config.DVocab) throw new SparseRMException($"token id {id} is outside the model's vocabulary of {_backbone.Config.DVocab}");
        if (_count + ids.Length > _backbone.Config.NCtx)
            throw new SparseRMException($"the text would have {_count + ids.Length} tokens, the model's context is {_backbone.Config.NCtx}; open another session");
        if (ids.IsEmpty) return;
        if (_ids.Length < _count + ids.Length) Array.Resize(ref _ids, Math.Max(_count + ids.Length, 2 * _ids.Length));
        ids.CopyTo(_ids.AsSpan(_count));
        _count += ids.Length;
        (_answerEnd, _heads) = (_count, null);
    }

    /// <summary>Makes this text the answer to the prompt that the session was opened with; what it has in common with the last one stays computed.</summary>
    /// <param name="answer">The whole answer so far.</param>
    /// <exception cref="SparseRMException">The template refuses the dialogue, it is too long, or the session was opened without a prompt.</exception>
    public void SetAnswer(string answer)
    {
        using var call = Enter();
        if (_prompt is null) throw new SparseRMException(ErrorKind.Usage, "the session was opened without a prompt of messages; append token ids");
        var input = _backbone.Encoder.Encode([.. _prompt, new("assistant", answer)]);
        int common = Ids.CommonPrefixLength(input.Ids.Span);
        if (common == _count && common == input.Ids.Length) return;
        Set(input, common);
    }

    /// <summary>The score of the text so far; what was added since the last one is computed now.</summary>
    /// <exception cref="SparseRMException">There is nothing to score, the state is not finite, or there is no room for its keys and values.</exception>
    /// <exception cref="ObjectDisposedException">The session, its scorer or its backbone is disposed.</exception>
    public float Score()
    {
        using var call = Enter();
        if (_heads is null)
        {
            var request = Request();
            _backbone.Engine.Run(request);
            Finish(request);
        }
        return _scorer.Reward.Total(_heads);
    }

    /// <summary>As <see cref="Score"/>.</summary>
    /// <param name="options">Priority, deadline and aggregate; a session gives nothing beside the score.</param>
    /// <param name="cancel">Heard while the call waits.</param>
    /// <exception cref="SparseRMException">Something else is asked for.</exception>
    public async Task<float> ScoreAsync(ScoreOptions? options = null, CancellationToken cancel = default)
    {
        OptionChecks.RequireScoreAlone(options, "a session");
        OptionChecks.Require(options ??= new ScoreOptions(), _scorer.Reward, _backbone.Tokenizer);
        using var call = Enter();
        if (_heads is null)
        {
            var request = Request(options.Priority);
            await _backbone.Engine.RunAsync(options.Deadline, options.HereIfAlone, cancel, request).ConfigureAwait(false);
            Finish(request);
        }
        return _scorer.Reward.Total(_heads, options.Aggregate);
    }

    /// <summary>A session with the same text; what is computed of it is shared, what either adds is its own.</summary>
    /// <exception cref="SparseRMException">As <see cref="Score"/>: what was added before is computed first.</exception>
    public ScoringSession Fork()
    {
        if (_count > 0 && _heads is null && !NeedsAnswer) Score();
        using var call = Enter();
        SessionMemory? memory = null;
        _backbone.Engine.Use(() => memory = _memory.Fork());
        return new ScoringSession(_scorer, _prompt, memory!)
        {
            _ids = Ids.ToArray(), _count = _count, _same = _same, _answerStart = _answerStart, _answerEnd = _answerEnd, _heads = _heads,
        };
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        try
        {
            _backbone.Engine.Use(_memory.Release);
        }
        finally
        {
            _backbone.Dispose();
        }
    }

    internal void Set(EncodedInput input) => Set(input, 0);

    // Positions that read the answer alone cannot be scored before there is one.
    private bool NeedsAnswer => _scorer.Position != ReadOutPosition.Last && _answerStart >= _answerEnd;

    private void Set(EncodedInput input, int common)
    {
        if (_ids.Length < input.Ids.Length) Array.Resize(ref _ids, Math.Max(input.Ids.Length, 2 * _ids.Length));
        input.Ids.Span[common..].CopyTo(_ids.AsSpan(common));
        // What the memory holds beyond the common tokens is of another text.
        (_count, _same, _answerStart, _answerEnd, _heads) = (input.Ids.Length, Math.Min(_same, common), input.AnswerStart, input.AnswerEnd, null);
    }

    private SessionRequest Request(Priority priority = Priority.Interactive)
    {
        if (_count == 0) throw new SparseRMException("the session holds no tokens; append some, or set an answer");
        // A copy: the tokens change while a cancelled pass may still run.
        var input = new EncodedInput(Ids.ToArray(), _answerStart, _answerEnd);
        return SessionRequest.Of(input.ReadAt(_scorer.Position), _scorer.Attached, _memory, _same, _backbone.Engine, priority);
    }

    [MemberNotNull(nameof(_heads))]
    private void Finish(SessionRequest request)
    {
        request.ThrowFirst();
        _same = _count;
        _heads = request.Values;
    }

    private Call Enter()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (Interlocked.Exchange(ref _busy, 1) != 0) throw new SparseRMException(ErrorKind.Usage, "the session is in use by another call; a session takes one call at a time");
        return new Call(this);
    }

    /// <summary>Ends a call.</summary>
    private readonly struct Call(ScoringSession session) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref session._busy, 0);
    }
}
