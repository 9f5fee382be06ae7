namespace SparseRM.Farm.Workers;

/// <summary>How many shards a worker does at once, and of which jobs: the oldest that has something to give comes first, younger ones get what it leaves. Thread-safe.</summary>
internal sealed class Lanes
{
    /// <summary>Shards at once: one is read, encoded, flushed and reported while the other computes.</summary>
    public const int Count = 2;

    // Who takes longer to answer leaves its room to others.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);
    private readonly Lock _lock = new();
    private readonly List<Seat> _seats = [];

    /// <summary>A job comes, or is still there.</summary>
    /// <param name="place">Its place among the open jobs, the oldest first.</param>
    /// <param name="seat">Its seat; null where it comes.</param>
    public Seat Sit(int place, Seat? seat)
    {
        lock (_lock)
        {
            if (seat is null) _seats.Add(seat = new Seat(this));
            seat.Place = place;
            return seat;
        }
    }

    /// <summary>A job is over.</summary>
    public void Leave(Seat seat)
    {
        lock (_lock) _seats.Remove(seat);
    }

    /// <summary>A job's share of the lanes.</summary>
    internal sealed class Seat(Lanes lanes)
    {
        private bool _isHungry = true;
        private DateTime _asked = DateTime.UtcNow;

        internal int Place { get; set; }

        /// <summary>Shards that run.</summary>
        public int Running { get; private set; }

        /// <summary>For how many shards more the job may ask now, and how many it has.</summary>
        public int Ask(int running, bool mayTake)
        {
            lock (lanes._lock)
            {
                (Running, _asked) = (running, DateTime.UtcNow);
                if (!mayTake) _isHungry = false;
                if (!mayTake || lanes._seats.Any(other => other.Place < Place && other._isHungry && DateTime.UtcNow - other._asked < s_patience)) return 0;
                return Math.Max(0, Count - lanes._seats.Where(other => other.Place <= Place).Sum(other => other.Running));
            }
        }

        /// <summary>What it got.</summary>
        public void Got(int asked, int running, int given)
        {
            lock (lanes._lock)
            {
                Running = running;
                if (asked > 0) _isHungry = given == asked;
            }
        }
    }
}
