using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Server.Serving;

/// <summary>
/// Looks at one scored input of <see cref="Every"/>: how many are unusual beside those of the fit, and which directions read otherwise than at first.
/// An audit: it changes no score and stops nothing. Thread-safe.
/// </summary>
/// <remarks>
/// Windows are of <see cref="Window"/> looked-at inputs. Unusual is a novelty above 0.99, which 1 of 100 inputs like those of the fit has: an alarm is a count
/// that chance gives in <see cref="FalseAlarms"/> of windows. A direction's alarm compares the last window's mean with the first window's, with the bound for all
/// directions together, so that chance gives any alarm in at most <see cref="FalseAlarms"/> of windows. Both hold for inputs that are independent of each other;
/// many answers to one prompt are not.
/// </remarks>
internal sealed class DriftAudit
{
    /// <summary>One of so many scored inputs is looked at: each is a pass of its own.</summary>
    public const int Every = 64;

    /// <summary>Inputs that are compared.</summary>
    public const int Window = 256;

    /// <summary>Share of windows in which chance alone alarms.</summary>
    public const double FalseAlarms = 0.001;

    private const double Unusual = 0.99;
    private readonly RewardModel _reward;
    private readonly Queue<bool> _unusual = new();
    private readonly DirectionWindow[] _directions;
    private long _offered, _seen;
    private int _busy;

    /// <summary>Nothing was looked at yet.</summary>
    public DriftAudit(RewardModel reward)
    {
        _reward = reward;
        _directions = [.. reward.Components.SelectMany(component => Enumerable.Range(0, component.Input.Count).Select(i => new DirectionWindow(NameOf(component, i))))];
    }

    /// <summary>Looks at some of what was scored, on another thread; not at all while it is still at an earlier one.</summary>
    public void Offer(ServedReward served, IReadOnlyList<ScoredItem> items)
    {
        foreach (var item in items)
        {
            if (item.Fault is not null || Interlocked.Increment(ref _offered) % Every != 1 || Interlocked.Exchange(ref _busy, 1) != 0) continue;
            if (!served.TryUse())
            {
                Volatile.Write(ref _busy, 0);
                continue;
            }
            var input = item.Encoded.Input;
            _ = Task.Run(() =>
            {
                try
                {
                    Look(served.Scorer, input);
                }
                catch (Exception)
                {
                    // The input has its score; that it cannot be looked at again, since the queue is full, say, is no failure of anybody's.
                }
                finally
                {
                    Volatile.Write(ref _busy, 0);
                    served.Release();
                }
            });
        }
    }

    /// <summary>Takes the head's inputs of one scored text, of each component.</summary>
    public void Add(IReadOnlyList<float[]> inputs)
    {
        lock (_unusual)
        {
            _seen++;
            if (_reward.HasNovelty)
            {
                double novelty = _reward.Novelty([.. _reward.Components.Select((component, c) => component.Novelty!.Of(inputs[c]))]);
                _unusual.Enqueue(novelty > Unusual);
                if (_unusual.Count > Window) _unusual.Dequeue();
            }
            int next = 0;
            foreach (float[] values in inputs)
                foreach (float value in values) _directions[next++].Add(value);
        }
    }

    /// <summary>What was found so far.</summary>
    public DriftReport Report()
    {
        lock (_unusual)
        {
            int unusual = _unusual.Count(found => found);
            double bound = Tails.NormalBound(FalseAlarms / Math.Max(1, _directions.Length));
            var shifts = _directions.Where(direction => direction.IsKnown).Select(direction => (direction.Name, direction.Shift)).OrderByDescending(shift => Math.Abs(shift.Shift)).Take(8).ToArray();
            return new DriftReport(_seen, _unusual.Count, unusual, _unusual.Count == Window && Tails.Binomial(Window, 1 - Unusual, unusual) < FalseAlarms,
                shifts, shifts.Length > 0 && Math.Abs(shifts[0].Shift) > bound);
        }
    }

    private void Look(RewardScorer scorer, EncodedInput input) => Add([.. scorer.Explain(input, 0, 0).Components
        .Select(component => component.Parts.Shares.Select(share => (float)share.Value).ToArray())]);

    private static string NameOf(RewardComponent component, int i) =>
        component.Input.Latents.Count > 0 ? $"{component.Name}/latent {component.Input.Latents[i].Latent}" : $"{component.Name}/{i}";
}

/// <summary>What an audit found.</summary>
/// <param name="Seen">Inputs looked at in all.</param>
/// <param name="Inputs">Inputs of the window whose novelty is known.</param>
/// <param name="Unusual">Unusual ones among them.</param>
/// <param name="IsUnusual">Whether those are more than chance gives.</param>
/// <param name="Shifts">The directions that moved most, in standard errors.</param>
/// <param name="IsShifted">Whether one moved more than chance moves any.</param>
internal sealed record DriftReport(long Seen, int Inputs, int Unusual, bool IsUnusual, IReadOnlyList<(string Name, double Shift)> Shifts, bool IsShifted);
