namespace SparseRM.Models;

/// <summary>Chooses which sequences lean on which, so that the fewest tokens are run: neighbours in sorted order, each group with a leader.</summary>
/// <remarks>Keeps its arrays from plan to plan. Not thread-safe.</remarks>
internal sealed class PrefixSharing
{
    private TokenSequence[] _sorted = [];
    private int[] _numbers = [], _common = [], _leaders = [], _prefixes = [], _twins = [], _knownOf = [], _groupStart = [], _groupLeader = [];
    private long[] _best = [];

    /// <summary>The leader of each sequence, itself for leaders; in the order that was given.</summary>
    public ReadOnlySpan<int> Leaders => _leaders;

    /// <summary>Tokens of each sequence that are not computed for it: shared with its leader, or known (see <see cref="Prefer"/>).</summary>
    public ReadOnlySpan<int> Prefixes => _prefixes;

    /// <summary>
    /// The sequence whose rows each one uses as they are, since it has the same tokens: one of those with these tokens for all of them, and itself for that
    /// one. Of a twin, leader and prefix are those of that sequence.
    /// </summary>
    public ReadOnlySpan<int> Twins => _twins;

    /// <summary>The sequence whose known tokens each one takes; see <see cref="Prefer"/>.</summary>
    public ReadOnlySpan<int> KnownOf => _knownOf;

    /// <summary>No sharing.</summary>
    public void PlanNone(int count)
    {
        Grow(count);
        for (int i = 0; i < count; i++) (_leaders[i], _prefixes[i], _twins[i]) = (i, 0, i);
    }

    /// <summary>Plans what to share.</summary>
    /// <remarks>
    /// In sorted order the common prefix of i and j is the least common prefix of neighbours between them. best[n] = most tokens saved among the
    /// first n sequences = max over leaders l and first members a &lt;= l of best[a] + sum of lcp(k, l) over the other members k in [a, n).
    /// Quadratic in the number of sequences of one batch, which is small beside its matrix products.
    /// </remarks>
    public void Plan(ReadOnlySpan<TokenSequence> sequences)
    {
        Grow(sequences.Length);
        sequences.CopyTo(_sorted);
        for (int i = 0; i < sequences.Length; i++) _numbers[i] = i;
        TokenSequence.SortByIds(_sorted.AsSpan(0, sequences.Length), _numbers.AsSpan(0, sequences.Length));
        int n = KeepOneOfEach(sequences.Length);
        Array.Clear(_sorted, 0, sequences.Length); // the ids are the caller's
        Array.Fill(_best, -1, 0, n + 1);
        _best[0] = 0;
        for (int leader = 0; leader < n; leader++) LeanOn(leader, n);
        for (int end = n; end > 0; end = _groupStart[_groupLeader[end]]) Assign(_groupStart[_groupLeader[end]], _groupLeader[end], end);
        for (int i = 0; i < sequences.Length; i++) (_leaders[i], _prefixes[i]) = (_leaders[_twins[i]], _prefixes[_twins[i]]);
    }

    /// <summary>Closes the sorted ranks over sequences with the tokens of the one before; what is left is planned.</summary>
    private int KeepOneOfEach(int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            int number = _numbers[i], common = i == 0 ? 0 : _sorted[i - 1].Ids.Span.CommonPrefixLength(_sorted[i].Ids.Span);
            _twins[number] = number;
            if (i > 0 && common == _sorted[i].Ids.Length && common == _sorted[i - 1].Ids.Length)
            {
                _twins[number] = _numbers[kept - 1];
                continue;
            }
            (_numbers[kept], _common[kept]) = (number, common);
            kept++;
        }
        return kept;
    }

    /// <summary>
    /// Changes the plan for what is known: a leader's known tokens are not computed; a sequence of which more is known than it shares, or of which its
    /// leader knows more (what it is to keep, or is read at, is then computed nowhere), leads itself. Of sequences with the same tokens, the one of which the
    /// least is known speaks for all: what it has to compute serves the others.
    /// </summary>
    public void Prefer(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<KeyValuePrefix?> known)
    {
        for (int i = 0; i < sequences.Length; i++) _knownOf[i] = i;
        for (int i = 0; i < sequences.Length; i++)
            if (Known(known, i) < Known(known, _knownOf[_twins[i]])) _knownOf[_twins[i]] = i;
        for (int i = 0; i < sequences.Length; i++)
            if (_leaders[i] == i) _prefixes[i] = Known(known, _knownOf[i]);
        for (int i = 0; i < sequences.Length; i++)
        {
            if (_twins[i] != i) continue;
            int own = Known(known, _knownOf[i]), leader = _leaders[i];
            if (leader != i && (own > _prefixes[i] || own < Math.Min(_prefixes[i], _prefixes[leader]) || sequences[i].ReadOut.Start < _prefixes[leader]))
                (_leaders[i], _prefixes[i]) = (i, own);
        }
        for (int i = 0; i < sequences.Length; i++)
        {
            int twin = _twins[i], own = Known(known, i);
            if (twin == i) continue;
            // What its twin's leader skips is computed nowhere.
            int skipped = _prefixes[_leaders[twin]];
            if (own < skipped || sequences[i].ReadOut.Start < skipped) (_leaders[i], _prefixes[i], _twins[i]) = (i, own, i);
            else (_leaders[i], _prefixes[i]) = (_leaders[twin], _prefixes[twin]);
        }
    }

    private static int Known(ReadOnlySpan<KeyValuePrefix?> known, int sequence) => known[sequence]?.Length ?? 0;

    /// <summary>Tries the groups of one leader; best[..leader] is final by then.</summary>
    private void LeanOn(int leader, int n)
    {
        long saved = _best[leader], sum = 0;
        _groupStart[leader] = leader;
        for (int k = leader - 1, shared = int.MaxValue; k >= 0; k--)
        {
            shared = Math.Min(shared, _common[k + 1]);
            if (shared == 0) break;
            sum += shared;
            if (_best[k] + sum > saved) (saved, _groupStart[leader]) = (_best[k] + sum, k);
        }
        for (int end = leader + 1, shared = int.MaxValue; ; end++)
        {
            if (saved > _best[end]) (_best[end], _groupLeader[end]) = (saved, leader);
            if (end == n) break;
            shared = Math.Min(shared, _common[end]);
            if (shared == 0) break;
            saved += shared;
        }
    }

    private void Assign(int start, int leader, int end)
    {
        int number = _numbers[leader];
        (_leaders[number], _prefixes[number]) = (number, 0);
        for (int k = leader - 1, shared = int.MaxValue; k >= start; k--)
        {
            shared = Math.Min(shared, _common[k + 1]);
            (_leaders[_numbers[k]], _prefixes[_numbers[k]]) = (number, shared);
        }
        for (int k = leader + 1, shared = int.MaxValue; k < end; k++)
        {
            shared = Math.Min(shared, _common[k]);
            (_leaders[_numbers[k]], _prefixes[_numbers[k]]) = (number, shared);
        }
    }

    private void Grow(int count)
    {
        if (_sorted.Length >= count) return;
        int length = Math.Max(count, 2 * _sorted.Length);
        _sorted = new TokenSequence[length];
        (_numbers, _common, _leaders, _prefixes) = (new int[length], new int[length], new int[length], new int[length]);
        (_twins, _knownOf) = (new int[length], new int[length]);
        (_groupStart, _groupLeader, _best) = (new int[length], new int[length + 1], new long[length + 1]);
    }
}
