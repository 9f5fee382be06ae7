using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.CApi;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_backbone_open", CallConvs = [typeof(CallConvCdecl)])]
    public static int BackboneOpen(NativeBackboneOptions* options, nint* backbone)
    {
        try
        {
            Reading.Require(backbone, "the place for the handle");
            *backbone = 0;
            var read = Options(options);
            using var call = new CallScope(options->Cancel, options->Progress, options->User);
            var stage = new StageProgress(call.Progress, "loading blocks", options->Layer + 1L);
            *backbone = Opened(Backbone.Open(read, options->Layer, stage, call.Token), opened => opened.Description);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_reward_open", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardOpen(byte* path, byte* sae, NativeBackboneOptions* options, nint* reward)
    {
        try
        {
            Reading.Require(reward, "the place for the handle");
            *reward = 0;
            var read = Options(options);
            string file = Reading.Text(path, "the path of the reward model");
            using var call = new CallScope(options->Cancel, options->Progress, options->User);
            var scorer = RewardScorer.Open(file, read, SaeAt(sae), call.Progress, call.Token);
            *reward = Opened(scorer, opened => opened.Backbone.Description);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_reward_attach", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardAttach(nint backbone, byte* path, byte* sae, NativeCall* call, nint* reward)
    {
        try
        {
            Reading.Require(reward, "the place for the handle");
            *reward = 0;
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            using var scope = CallScope.Of(call);
            string file = Reading.Text(path, "the path of the reward model");
            *reward = Opened(model.Value.Attach(file, SaeAt(sae), scope.Progress, scope.Token), _ => "a reward model is attached");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_reward_backbone", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardBackbone(nint reward, nint* backbone)
    {
        try
        {
            Reading.Require(backbone, "the place for the handle");
            *backbone = 0;
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            *backbone = Opened(scorer.Value.Backbone.Share(), _ => "a backbone is shared");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_backbone_describe", CallConvs = [typeof(CallConvCdecl)])]
    public static int BackboneDescribe(nint backbone, byte* buffer, long capacity, long* needed)
    {
        try
        {
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            Reading.Write(Json.Of(model.Value), buffer, capacity, needed);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_reward_describe", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardDescribe(nint reward, byte* buffer, long capacity, long* needed)
    {
        try
        {
            using var scorer = Library.Handles.Borrow<RewardScorer>(reward);
            Reading.Write(Json.Of(scorer.Value), buffer, capacity, needed);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_backbone_counts", CallConvs = [typeof(CallConvCdecl)])]
    public static int BackboneCounts(nint backbone, NativeCounts* counts)
    {
        try
        {
            Reading.RequireSize<NativeCounts>(counts, "srm_counts");
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            var now = model.Value.Counts;
            *counts = new NativeCounts
            {
                StructSize = sizeof(NativeCounts), WaitingRequests = now.WaitingRequests, WaitingTokens = now.WaitingTokens, ComputedTokens = now.ComputedTokens,
                FoundTokens = now.FoundTokens, CachedBytes = now.CachedBytes, Batches = now.Batches, Sequences = now.Sequences,
            };
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    /// <summary>The options of a struct, whose size is checked.</summary>
    private static BackboneOptions Options(NativeBackboneOptions* options)
    {
        Reading.RequireSize<NativeBackboneOptions>(options, "srm_backbone_options");
        var given = *options;
        string model = Reading.Text(given.Model, "the option model");
        HeapBudget.RequireModel(model);
        return new BackboneOptions
        {
            Model = model,
            Backend = Reading.OptionalText(given.Backend, "the option backend") ?? "auto",
            Variants = VariantsOf(Reading.OptionalText(given.Variants, "the option variants")),
            Compute = Reading.OptionalText(given.Compute, "the option compute") switch
            {
                null => null,
                var name => DTypes.ParseCompute(name)
                    ?? throw new CallException(Status.Usage, $"the option compute is \"{name}\"; give one of {string.Join(", ", DTypes.ComputeNames)}"),
            },
            ChatTemplate = Reading.OptionalText(given.ChatTemplate, "the option chat template"),
            Threads = AtLeast0(given.Threads, "threads"),
            IdsOnly = given.IdsOnly != 0,
            Truncation = given.Truncation switch
            {
                0 => Truncation.Refuse,
                1 => Truncation.Left,
                2 => Truncation.Right,
                _ => throw new CallException(Status.Usage, $"the option truncation is {given.Truncation}; give 0 (refuse), 1 (left) or 2 (right)"),
            },
            MaxBatchTokens = Count(given.MaxBatchTokens, "max batch tokens") is > 0 and var tokens ? tokens : BatchPlan.DefaultTokens,
            PrefixCacheBytes = given.PrefixCacheBytes switch
            {
                0 => BackboneOptions.DefaultPrefixCacheBytes,
                -1 => 0,
                < 0 => throw new CallException(
                    Status.Usage, $"the option prefix cache bytes is {given.PrefixCacheBytes}; give 0 for the default, -1 for none or a positive number"),
                var bytes => bytes,
            },
            Queue = new QueueOptions
            {
                MaxRequests = Count(given.QueueRequests, "queue requests") is > 0 and var requests ? requests : new QueueOptions().MaxRequests,
                MaxTokens = AtLeast0(given.QueueTokens, "queue tokens") is > 0 and var waiting ? waiting : new QueueOptions().MaxTokens,
            },
        };
    }

    private static long AtLeast0(long value, string name) =>
        value >= 0 ? value : throw new CallException(Status.Usage, $"the option {name} is {value}; give 0 for the default or a positive number");

    private static int AtLeast0(int value, string name) => (int)AtLeast0((long)value, name);

    private static int Count(long value, string name) => AtLeast0(value, name) <= int.MaxValue ? (int)value
        : throw new CallException(Status.Usage, $"the option {name} is {value}; give 0 for the default or a number up to {int.MaxValue}");

    /// <summary>Reads <c>matmul=avx2,attention=avx512</c>.</summary>
    private static Dictionary<OpKind, string> VariantsOf(string? text)
    {
        var variants = new Dictionary<OpKind, string>();
        foreach (string part in text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [])
        {
            string[] pair = part.Split('=');
            if (pair.Length != 2 || OpNames.Parse(pair[0]) is not { } op)
                throw new CallException(Status.Usage, $"the option variants has \"{part}\"; give op=variant, the op being one of {string.Join(", ", OpNames.All)}");
            variants[op] = pair[1];
        }
        return variants;
    }

    private static SparseAutoencoder? SaeAt(byte* path) => Reading.OptionalText(path, "the path of the SAE") is { } file ? SaeFormatCatalog.Open(file) : null;

    /// <summary>A handle of something that was just opened; it is disposed where no handle can be had.</summary>
    private static nint Opened<T>(T value, Func<T, string> sentence) where T : IDisposable
    {
        try
        {
            Library.Log(0, sentence(value));
            return Library.Handles.Add(value);
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }
}
