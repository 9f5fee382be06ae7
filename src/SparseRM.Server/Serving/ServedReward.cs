using System.Security.Cryptography;
using System.Text;
using SparseRM.Backends;
using SparseRM.Parts;
using SparseRM.Tensors;

namespace SparseRM.Server.Serving;

/// <summary>A reward model as it was when its file was read. It is freed when it was replaced and the last request that uses it has its answer.</summary>
internal sealed class ServedReward
{
    private readonly Lazy<ScoringFingerprint> _means;
    private int _uses = 1; // the registry's own

    private ServedReward(NamedReward named, RewardScorer scorer, string fingerprint)
    {
        (Name, Scorer, Fingerprint) = (named.Name, scorer, fingerprint);
        _means = new(() => ScoringFingerprint.OfFile(scorer, fingerprint, new ScoreOptions(), addEos: false));
        Encoder = new ItemEncoder(scorer.Backbone);
        Variant = VariantOf(scorer.Backbone);
        Drift = new DriftAudit(scorer.Reward);
    }

    /// <summary>Reads the file, opens or joins its model, and checks that it scores as it must.</summary>
    /// <param name="named">Name and file.</param>
    /// <param name="options">The model and how it runs.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="Errors.SparseRMException">It cannot be served; one sentence says why.</exception>
    public static async Task<ServedReward> OpenAsync(NamedReward named, BackboneOptions options, CancellationToken cancel)
    {
        string before = await FingerprintOf(named.Path, cancel).ConfigureAwait(false);
        var scorer = await Task.Run(() => RewardScorer.Open(named.Path, options, cancel: cancel), cancel).ConfigureAwait(false);
        try
        {
            if (await FingerprintOf(named.Path, cancel).ConfigureAwait(false) != before)
                throw new Errors.SparseRMException($"{named.Path}: the file changed while it was read; write a new file and rename it into its place");
            var served = new ServedReward(named, scorer, before);
            await served.Probe(cancel).ConfigureAwait(false);
            return served;
        }
        catch
        {
            scorer.Dispose();
            throw;
        }
    }

    /// <summary>What requests call it.</summary>
    public string Name { get; }

    /// <summary>Scores.</summary>
    public RewardScorer Scorer { get; }

    /// <summary>Makes ids.</summary>
    public ItemEncoder Encoder { get; }

    /// <summary>SHA-256 of its file, in hexadecimal.</summary>
    public string Fingerprint { get; }

    /// <summary>All that decides bits beside model and reward: backend, type of the products, and a hash of the variants of all ops.</summary>
    public string Variant { get; }

    /// <summary>All that decides the bits of its scores but the text; computes its known answers when first asked for.</summary>
    public ScoringFingerprint Means => _means.Value;

    /// <summary>What was scored, beside what it was fitted on.</summary>
    public DriftAudit Drift { get; }

    /// <summary>When it was read.</summary>
    public DateTimeOffset Since { get; } = DateTimeOffset.UtcNow;

    /// <summary>Scores its known answers.</summary>
    /// <exception cref="Errors.SparseRMException">One is wrong.</exception>
    public Task Probe(CancellationToken cancel) => KnownAnswers.CheckAsync(Name, Scorer, cancel);

    /// <summary>One more request uses it; false where it is freed already.</summary>
    public bool TryUse()
    {
        int uses = Volatile.Read(ref _uses);
        while (uses > 0)
        {
            int seen = Interlocked.CompareExchange(ref _uses, uses + 1, uses);
            if (seen == uses) return true;
            uses = seen;
        }
        return false;
    }

    /// <summary>One request less, or the registry no longer offers it.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _uses) == 0) Scorer.Dispose();
    }

    private static async Task<string> FingerprintOf(string path, CancellationToken cancel)
    {
        try
        {
            // A pipe or a device has no length, and to open it may wait for ever. The length of a link would be that of its text.
            if ((File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)) is FileInfo { Exists: true, Length: 0 }) throw new Errors.ModelFormatException(path, "is empty, or a pipe or device; expected a reward file");
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.Asynchronous);
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancel).ConfigureAwait(false));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new Errors.ModelFormatException(path, "there is no such reward file; check the path", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Errors.ModelFormatException(path, Directory.Exists(path) ? "is a folder, expected a reward file" : $"the reward file cannot be read ({error.Message.TrimEnd('.')})", error);
        }
    }

    private static string VariantOf(Backbone backbone)
    {
        string ops = string.Join(' ', backbone.Variants.OrderBy(variant => variant.Key).Select(variant => $"{variant.Key}={variant.Value}"));
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{RewardTrainer.EngineVersion} {ops}")))[..8];
        return $"{backbone.BackendName}-{backbone.Compute.ComputeName()}-{hash}";
    }
}
