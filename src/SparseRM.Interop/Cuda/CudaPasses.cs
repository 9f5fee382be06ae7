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
    /// <summary>Shapes that are remembered; then all are forgotten.</summary>
    private const int MostShapes = 64;

    /// <summary>A shape whose launches change so often is not made a graph again.</summary>
    private const int MostChanges = 3;

    private readonly Dictionary<PassShape, Pass> _passes = [];
    private Pass? _pass;
    private Mode _mode;
    private int _held;

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
        if (!_passes.TryGetValue(shape, out _pass))
        {
            if (_passes.Count == MostShapes) Forget();
            _passes[shape] = _pass = new Pass();
        }
        _held = 0;
        _mode = _pass.Graph is not null ? Mode.Following : _pass.Seen > 0 && _pass.Changes <= MostChanges ? Mode.Recording : Mode.Direct;
        _pass.Seen++;
        if (_mode == Mode.Recording) _pass.Launches.Clear();
    }

    /// <summary>Ends the pass: what it asked for is queued.</summary>
    public void End()
    {
        var (pass, mode) = (_pass, _mode);
        if (mode == Mode.Following && _held < pass!.Launches.Count) Break();
        else if (mode == Mode.Following) device.Launch(pass!.Graph!);
        else if (mode == Mode.Recording) pass!.Graph = device.Capture(CollectionsMarshal.AsSpan(pass.Launches));
        (_pass, _mode) = (null, Mode.Direct);
    }

    /// <summary>Queues what is held back, since something else than a launch follows.</summary>
    public void Break()
    {
        if (_mode == Mode.Direct || (_mode == Mode.Following ? _held : _pass!.Launches.Count) == 0) return;
        var held = _mode == Mode.Following ? CollectionsMarshal.AsSpan(_pass!.Launches)[.._held] : [];
        _mode = Mode.Direct;
        _pass!.Changes++;
        _pass.Graph?.Dispose();
        _pass.Graph = null;
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
            if (_held == 0) _mode = Mode.Direct;
            else Break();
        }
        device.Launch(words, op, variant);
        if (_mode == Mode.Recording) _pass!.Launches.AddRange(words);
    }

    /// <summary>Drops what is held back, and frees the graphs.</summary>
    public void Dispose()
    {
        (_pass, _mode) = (null, Mode.Direct);
        Forget();
    }

    private void Forget()
    {
        foreach (var pass in _passes.Values) pass.Graph?.Dispose();
        _passes.Clear();
    }

    private sealed class Pass
    {
        /// <summary>As <see cref="CudaLaunch.Write"/> has them, one after the other.</summary>
        public readonly List<ulong> Launches = [];
        public GraphHandle? Graph;
        public int Seen, Changes;
    }
}
