using System.Runtime.InteropServices;
using SparseRM.Backends;

namespace SparseRM.Interop.Cuda;

/// <summary>Launches, one by one or, where a forward pass repeats one before it, as one CUDA graph.</summary>
/// <remarks>
/// <para>The first pass of a shape is launched as it comes, the second too, and its launches are written down and made a graph. From then on a pass of
/// that shape holds its launches back as long as they are those of the graph, argument by argument; at its end the graph goes to the device. Where one
/// differs, or something else than a launch comes between, what was held back is launched first. So a graph can do nothing that its pass did not ask
/// for, wherever memory lies.</para>
/// <para>What changes from pass to pass (ids, positions, segments) is brought by copies that run ahead of the pass, to the same places
/// (<see cref="CudaIndices"/>).</para>
/// </remarks>
internal sealed class CudaPasses(CudaDevice device) : IDisposable
{
    /// <summary>Shapes that are remembered; the one that came longest ago goes for another.</summary>
    private const int MostShapes = 64;

    /// <summary>Passes of a shape that are launched as they come before one is written down: shapes that hardly come back are not worth a graph.</summary>
    private const int SeenBefore = 1;

    /// <summary>A shape whose launches change so often is not made a graph again.</summary>
    private const int MostChanges = 8;

    private readonly Dictionary<PassShape, Pass> _passes = [];
    private Pass? _pass;
    private Mode _mode;
    private int _held;
    private long _time;

    private enum Mode
    {
        /// <summary>Launches go to the device.</summary>
        Direct,
        /// <summary>They do, and are written down.</summary>
        Recording,
        /// <summary>They are held back, being those of the graph.</summary>
        Following,
    }

    /// <summary>Begins a pass; one that an error broke off ends here, and what it held back is dropped.</summary>
    public void Begin(PassShape shape)
    {
        Drop();
        if (!_passes.TryGetValue(shape, out _pass))
        {
            if (_passes.Count == MostShapes) ForgetOldest();
            _passes[shape] = _pass = new Pass();
        }
        _pass.LastTime = ++_time;
        if (_pass.Graph is not null) _mode = Mode.Following;
        else if (_pass.Seen >= SeenBefore) Record(_pass);
        _pass.Seen++;
    }

    /// <summary>Ends the pass: what it asked for is queued.</summary>
    public void End()
    {
        var (pass, mode, held) = (_pass, _mode, _held);
        if (mode == Mode.Following && held < pass!.Launches.Count)
        {
            Break();
            Drop();
            return;
        }
        // Before anything can fail: what is to be queued is not held back any more.
        Drop();
        if (mode == Mode.Following) device.Launch(pass!.Graph!);
        else if (mode == Mode.Recording) pass!.Keep(device.TryCapture(CollectionsMarshal.AsSpan(pass.Launches)));
    }

    /// <summary>Ends a pass that failed: what it held back is dropped.</summary>
    public void Drop() => (_pass, _mode, _held) = (null, Mode.Direct, 0);

    /// <summary>Queues what is held back, since something else than a launch follows.</summary>
    public void Break()
    {
        if (_mode == Mode.Direct || (_mode == Mode.Following ? _held : _pass!.Launches.Count) == 0) return;
        var held = _mode == Mode.Following ? CollectionsMarshal.AsSpan(_pass!.Launches)[.._held] : [];
        _mode = Mode.Direct;
        _pass!.Change();
        device.LaunchAll(held);
    }

    /// <summary>Queues or holds back a launch; op and variant are for messages.</summary>
    public void Launch(in CudaLaunch launch, string op, string variant)
    {
        Span<ulong> words = stackalloc ulong[CudaLaunch.MostWords];
        words = words[..launch.Write(words)];
        if (_mode == Mode.Following)
        {
            var rest = CollectionsMarshal.AsSpan(_pass!.Launches)[_held..];
            if (rest.Length >= words.Length && rest[..words.Length].SequenceEqual(words))
            {
                _held += words.Length;
                return;
            }
            if (_held > 0)
            {
                Break();
            }
            else
            {
                // From its first launch on it is another pass, as when a buffer has grown: it is written down again.
                _pass.Change();
                _mode = Mode.Direct;
                Record(_pass);
            }
        }
        device.Launch(words, op, variant);
        if (_mode == Mode.Recording) _pass!.Launches.AddRange(words);
    }

    /// <summary>Drops what is held back, and frees the graphs.</summary>
    public void Dispose()
    {
        Drop();
        foreach (var pass in _passes.Values) pass.Graph?.Dispose();
        _passes.Clear();
    }

    private void Record(Pass pass)
    {
        if (pass.Changes > MostChanges) return;
        _mode = Mode.Recording;
        pass.Launches.Clear();
    }

    private void ForgetOldest()
    {
        var (shape, oldest) = _passes.MinBy(pass => pass.Value.LastTime);
        oldest.Graph?.Dispose();
        _passes.Remove(shape);
    }

    private sealed class Pass
    {
        /// <summary>As <see cref="CudaLaunch.Write"/> has them, one after the other.</summary>
        public readonly List<ulong> Launches = [];
        public int Seen;
        public long LastTime;

        public GraphHandle? Graph { get; private set; }

        public int Changes { get; private set; }

        /// <summary>Takes the graph of its launches; where there can be none, as for want of memory, it goes on without.</summary>
        public void Keep(GraphHandle? graph)
        {
            Graph = graph;
            if (graph is null) Changes = MostChanges + 1;
        }

        /// <summary>Its launches are no longer those that were written down.</summary>
        public void Change()
        {
            Changes++;
            Graph?.Dispose();
            Graph = null;
        }
    }
}
