using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Engine;

/// <summary>Some inputs with all that is asked of them: which sequences to run, and what their values say.</summary>
internal sealed class ScoreCall
{
    private readonly IReadOnlyList<EncodedInput> _inputs;
    private readonly ScoreOptions _options;
    private readonly RewardModel _reward;
    private readonly ModelTokenizer? _tokenizer;
    private readonly bool _isPooled; // then a token's scores come from a sequence of their own
    private readonly Exception?[] _refused;
    private readonly int[] _places; // of each input's first sequence

    /// <summary>Lays out the sequences.</summary>
    public ScoreCall(IReadOnlyList<EncodedInput> inputs, ScoreOptions options, RewardModel reward, ReadOutPosition position, ModelTokenizer? tokenizer)
    {
        OptionChecks.Require(options, reward, tokenizer);
        (_inputs, _options, _reward, _tokenizer) = (inputs, options, reward, tokenizer);
        _isPooled = options.PerToken != PerToken.None && position == ReadOutPosition.Mean;
        (_refused, _places) = (new Exception?[inputs.Count], new int[inputs.Count]);
        var sequences = new List<TokenSequence>();
        for (int i = 0; i < inputs.Count; i++)
        {
            _places[i] = sequences.Count;
            try
            {
                if (options.PerToken == PerToken.None || _isPooled) sequences.Add(inputs[i].ReadAt(position));
                if (options.PerToken != PerToken.None) sequences.Add(inputs[i].ReadEach(position));
                // The same text once more: it computes nothing.
                if (options.Explain is not null) sequences.Add(new(inputs[i].Ids, ReadOut.Each(0, inputs[i].Ids.Length)));
            }
            catch (Errors.SparseRMException error)
            {
                _refused[i] = error;
            }
        }
        Sequences = sequences;
    }

    /// <summary>What is to be run.</summary>
    public IReadOnlyList<TokenSequence> Sequences { get; }

    /// <summary>The request for it.</summary>
    public ScoreRequest Request(AttachedReward reward) => _options.Novelty || _options.Explain is not null
        ? InputsRequest.Of(Sequences, reward, _options.Priority)
        : ScoreRequest.Of(Sequences, reward, _options.Priority);

    /// <summary>What came of it, an entry for each input.</summary>
    public ScoreResult[] Results(ScoreRequest request)
    {
        var results = new ScoreResult[_inputs.Count];
        for (int i = 0; i < results.Length; i++) results[i] = Result(request, i);
        return results;
    }

    private ScoreResult Result(ScoreRequest request, int i)
    {
        int tokens = _inputs[i].Ids.Length, place = _places[i];
        var error = _refused[i] ?? ErrorOf(request, place);
        if (error is not null) return new ScoreResult { Score = float.NaN, Tokens = tokens, Error = error };
        var heads = request.Of(place)[^_reward.HeadCount..];
        try
        {
            return new ScoreResult
            {
                Score = _reward.Total(heads, _options.Aggregate),
                StandardDeviation = _options.Doubt ? _reward.Doubt(heads) : null,
                Novelty = _options.Novelty ? NoveltyOf(((InputsRequest)request).Inputs[place]) : null,
                Components = Components(heads),
                Explanation = _options.Explain is { } directions ? Explain((InputsRequest)request, i, heads, directions) : null,
                TokenScores = _options.PerToken == PerToken.None ? [] : TokenScores(request, _isPooled ? place + 1 : place, _inputs[i]),
                Tokens = tokens,
            };
        }
        catch (Errors.SparseRMException notFinite)
        {
            return new ScoreResult { Score = float.NaN, Tokens = tokens, Error = notFinite };
        }
    }

    private int SequencesEach => 1 + (_isPooled ? 1 : 0) + (_options.Explain is null ? 0 : 1);

    private Exception? ErrorOf(ScoreRequest request, int place)
    {
        for (int s = 0; s < SequencesEach; s++)
            if (request.Errors?[place + s] is { } error) return error;
        return null;
    }

    private RewardExplanation Explain(InputsRequest request, int i, ReadOnlySpan<float> heads, int directions)
    {
        int place = _places[i];
        float[][] read = [.. _reward.Components.Select((component, c) => request.Inputs[place][c]![^component.Input.Count..])];
        return RewardExplanation.Of(_reward, _tokenizer, _inputs[i], _reward.Total(heads, _options.Aggregate),
            request.Inputs[place + SequencesEach - 1], read, directions, _options.ExplainTokens);
    }

    private ComponentScore[] Components(ReadOnlySpan<float> heads)
    {
        float[] scores = _reward.ComponentScores(heads, _options.Aggregate);
        return [.. _reward.Components.Select((component, c) => new ComponentScore(component.Name, scores[c]))];
    }

    private double NoveltyOf(float[]?[] inputs)
    {
        var found = new double[inputs.Length];
        for (int c = 0; c < found.Length; c++)
        {
            int width = _reward.Components[c].Input.Count;
            found[c] = _reward.Components[c].Novelty!.Of(inputs[c].AsSpan()[^width..]);
        }
        return _reward.Novelty(found);
    }

    private TokenScore[] TokenScores(ScoreRequest request, int place, EncodedInput input)
    {
        var values = request.Of(place);
        int width = _reward.HeadCount, states = values.Length / width, first = Sequences[place].ReadOut.Start;
        var scores = new List<TokenScore>();
        for (int t = 0; t < states; t++)
            if (t == states - 1 || AnswerParts.EndsAt(_options.PerToken, input.Ids.Span, first + t, _tokenizer))
                scores.Add(new TokenScore(first + t, _reward.Total(values.Slice(t * width, width), _options.Aggregate)));
        return [.. scores];
    }
}
