using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>What the head sees of a hidden state: the method's projection, or one of its ablations.</summary>
public enum HeadInputKind
{
    /// <summary>&lt;z, d_j&gt; for the decoder rows d_j of the chosen latents: the method itself.</summary>
    Projection,
    /// <summary>The chosen latents' SAE activations.</summary>
    Activations,
    /// <summary>z itself.</summary>
    Dense,
    /// <summary>&lt;z, u_j&gt; for random unit directions u_j.</summary>
    Random,
}

/// <summary>How the head's input v is made from a hidden state z. Immutable and thread-safe.</summary>
public sealed class HeadInput
{
    private readonly float[]? _directions;

    /// <summary>Puts the parts together.</summary>
    /// <param name="kind">Which input.</param>
    /// <param name="dModel">Width of z.</param>
    /// <param name="directions">[n, d_model] for projection and random, else null.</param>
    /// <param name="latents">[n] for projection and activations, else empty.</param>
    /// <param name="gates">For activations of an SAE with a gate per latent; null where scoring needs the SAE.</param>
    /// <exception cref="ArgumentException">The parts do not fit the kind or each other.</exception>
    public HeadInput(HeadInputKind kind, int dModel, float[]? directions, IReadOnlyList<DirectionLatent> latents, LatentGates? gates)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dModel);
        bool projects = kind is HeadInputKind.Projection or HeadInputKind.Random;
        bool hasLatents = kind is HeadInputKind.Projection or HeadInputKind.Activations;
        int count = kind == HeadInputKind.Dense ? dModel : projects ? (directions?.Length ?? 0) / dModel : latents.Count;
        if (count == 0 || projects != directions is not null || (directions is not null && directions.Length % dModel != 0)
            || latents.Count != (hasLatents ? count : 0)
            || (gates is not null && (kind != HeadInputKind.Activations || gates.DModel != dModel || gates.Count != count)))
        {
            throw new ArgumentException($"a head input of kind {Name(kind)} with {directions?.Length ?? 0} direction values, {latents.Count} latents and d_model {dModel}");
        }
        (Kind, DModel, Count, _directions, Latents, Gates) = (kind, dModel, count, directions, latents, gates);
    }

    /// <summary>Which input.</summary>
    public HeadInputKind Kind { get; }

    /// <summary>Width of z.</summary>
    public int DModel { get; }

    /// <summary>Width of v.</summary>
    public int Count { get; }

    /// <summary>[n, d_model] for projection and random, else empty.</summary>
    public ReadOnlyMemory<float> Directions => _directions;

    /// <summary>The latent of each element of v for projection and activations, else empty.</summary>
    public IReadOnlyList<DirectionLatent> Latents { get; }

    /// <summary>The chosen latents' encoder, or null.</summary>
    public LatentGates? Gates { get; }

    /// <summary>Whether v can only be made from activations that the SAE computed (<see cref="Gather"/>).</summary>
    public bool NeedsSae => Kind == HeadInputKind.Activations && Gates is null;

    /// <summary>v [<see cref="Count"/>] of z [d_model]; sums in float64.</summary>
    /// <exception cref="ArgumentException">A width differs.</exception>
    /// <exception cref="SparseRMException">The input needs the SAE's activations, or z is not finite.</exception>
    public void Compute(ReadOnlySpan<float> z, Span<float> v)
    {
        if (z.Length != DModel || v.Length != Count) throw new ArgumentException($"z of {z.Length} and v of {v.Length} values, expected {DModel} and {Count}");
        foreach (float value in z)
            if (!float.IsFinite(value)) throw new SparseRMException($"the hidden state has {value}; hidden states must be finite (try dtype f32).");
        if (Kind == HeadInputKind.Dense) z.CopyTo(v);
        else if (_directions is not null)
            for (int j = 0; j < v.Length; j++) v[j] = (float)DotProduct.Of(_directions.AsSpan(j * DModel, DModel), z);
        else if (Gates is not null) Gates.Activate(z, v);
        else throw new SparseRMException("this head reads activations of an SAE whose latents depend on each other (top-k); give the SAE that it was fitted with.");
    }

    /// <summary>v from the SAE's sparse activations of one hidden state: the chosen latents' values, 0 for those not listed.</summary>
    /// <param name="latents">Ids of active latents.</param>
    /// <param name="activations">Their values, in the same order.</param>
    /// <param name="v">[<see cref="Count"/>].</param>
    public void Gather(ReadOnlySpan<int> latents, ReadOnlySpan<float> activations, Span<float> v)
    {
        if (Kind != HeadInputKind.Activations || latents.Length != activations.Length || v.Length != Count)
            throw new ArgumentException($"{latents.Length} ids and {activations.Length} activations for {Count} inputs of kind {Name(Kind)}");
        for (int j = 0; j < v.Length; j++)
        {
            int at = latents.IndexOf(Latents[j].Latent);
            v[j] = at < 0 ? 0 : activations[at];
        }
    }

    /// <summary>The name that options and reward files use: <c>projection</c>, <c>activations</c>, <c>dense</c>, <c>random</c>.</summary>
    public static string Name(HeadInputKind kind) => kind.ToString().ToLowerInvariant();

    /// <summary>The kind of a <see cref="Name"/>.</summary>
    /// <exception cref="SparseRMException">No such kind.</exception>
    public static HeadInputKind Parse(string name) => name switch
    {
        "projection" => HeadInputKind.Projection,
        "activations" => HeadInputKind.Activations,
        "dense" => HeadInputKind.Dense,
        "random" => HeadInputKind.Random,
        _ => throw new SparseRMException($"there is no head input \"{name}\"; use projection, activations, dense or random."),
    };
}
