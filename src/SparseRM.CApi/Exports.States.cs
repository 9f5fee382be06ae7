using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SparseRM.Models;

namespace SparseRM.CApi;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_encode", CallConvs = [typeof(CallConvCdecl)])]
    public static int Encode(nint backbone, NativeInput* input, int* ids, long capacity, long* count, long* answerStart, long* answerEnd)
    {
        try
        {
            Reading.Require(count, "the place for the count");
            *count = 0;
            Reading.RequireSize<NativeInput>(input, "srm_input");
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            var encoded = Inputs.EncodeAlone(model.Value.Encoder, *input);
            *count = encoded.Ids.Length;
            if (answerStart is not null) *answerStart = encoded.AnswerStart;
            if (answerEnd is not null) *answerEnd = encoded.AnswerEnd;
            Reading.Write(encoded.Ids.Span, ids, capacity, "the array of ids");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_hidden_states", CallConvs = [typeof(CallConvCdecl)])]
    public static int HiddenStates(
        nint backbone, NativeInput* input, int layer, NativeCall* call, float* states, long capacity, long* rows, long* columns)
    {
        try
        {
            Reading.Require(rows, "the place for the rows");
            Reading.Require(columns, "the place for the columns");
            (*rows, *columns) = (0, 0);
            Reading.RequireSize<NativeInput>(input, "srm_input");
            if (layer < 0) throw new CallException(Status.Usage, $"layer {layer} was asked for; layers count from 0");
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            using var scope = CallScope.Of(call);
            var ids = Inputs.EncodeAlone(model.Value.Encoder, *input).Ids;
            (*rows, *columns) = (ids.Length, model.Value.DModel);
            long needed = *rows * *columns;
            if (capacity < needed) throw new CallException(Status.Buffer, $"the array of states has room for {capacity} elements, {needed} are needed");
            HeapBudget.Require(2 * needed * sizeof(float), "the states");
            model.Value.Load(layer, new StageProgress(scope.Progress, "loading blocks", layer + 1L), scope.Token);
            scope.Progress?.Report(new WorkProgress("reading states", 0, 1));
            var read = model.Value.ReadLayers(new TokenSequence(ids, ReadOut.Each(0, ids.Length)), [layer], scope.Token);
            scope.Progress?.Report(new WorkProgress("reading states", 1, 1));
            Reading.Write<float>(read[layer], states, capacity, "the array of states");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_sae_open", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeOpen(nint backbone, byte* path, NativeCall* call, nint* sae)
    {
        try
        {
            Reading.Require(sae, "the place for the handle");
            *sae = 0;
            using var model = Library.Handles.Borrow<Backbone>(backbone);
            using var scope = CallScope.Of(call);
            *sae = Opened(OpenSae.Open(model.Value, Reading.Text(path, "the path of the SAE"), scope.Progress, scope.Token), opened => $"SAE {opened.Description.Id}");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_sae_width", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeWidth(nint sae, long* dIn, long* dSae, int* layer)
    {
        try
        {
            using var open = Library.Handles.Borrow<OpenSae>(sae);
            if (dIn is not null) *dIn = open.Value.Description.DIn;
            if (dSae is not null) *dSae = open.Value.Description.DSae;
            if (layer is not null) *layer = open.Value.Description.Layer ?? -1;
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_sae_encode_dense", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeEncodeDense(nint sae, float* states, long rows, NativeCall* call, float* activations, long capacity)
    {
        try
        {
            using var open = Library.Handles.Borrow<OpenSae>(sae);
            using var scope = CallScope.Of(call);
            int width = open.Value.Description.DSae;
            RequireStates(open.Value, states, rows);
            if (capacity / width < rows) throw new CallException(Status.Buffer, $"the array of activations has room for {capacity} elements, {rows} rows of {width} are needed");
            Reading.Require(activations, "the array of activations");
            for (long row = 0; row < rows; row++) new Span<float>(activations + row * width, width).Clear();
            open.Value.Encode(states, rows, (row, latents, values) =>
            {
                float* target = activations + (long)row * width;
                for (int i = 0; i < latents.Length; i++) target[latents[i]] = values[i];
            }, scope);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_sae_encode_sparse", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeEncodeSparse(
        nint sae, float* states, long rows, NativeCall* call, long* rowStarts, int* latents, float* values, long capacity, long* count)
    {
        try
        {
            Reading.Require(count, "the place for the count");
            *count = 0;
            using var open = Library.Handles.Borrow<OpenSae>(sae);
            using var scope = CallScope.Of(call);
            RequireStates(open.Value, states, rows);
            Reading.Require(rowStarts, "the array of row starts");
            Reading.Span(latents, capacity, "the array of latents");
            Reading.Span(values, capacity, "the array of values");
            long found = 0;
            rowStarts[0] = 0;
            open.Value.Encode(states, rows, (row, active, activations) =>
            {
                if (found + active.Length <= capacity)
                {
                    active.CopyTo(new Span<int>(latents + found, active.Length));
                    activations.CopyTo(new Span<float>(values + found, active.Length));
                }
                rowStarts[row + 1] = found += active.Length;
            }, scope);
            *count = found;
            if (found > capacity) throw new CallException(Status.Buffer, $"the arrays have room for {capacity} active latents, there are {found}");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    private static void RequireStates(OpenSae sae, float* states, long rows)
    {
        int width = sae.Description.DIn;
        if (rows < 0 || rows > Array.MaxLength / width) throw new CallException(Status.Usage, $"{rows} rows of states were given; give 0 to {Array.MaxLength / width}");
        foreach (float value in Reading.Span(states, rows * width, "the array of states"))
            if (!float.IsFinite(value)) throw new CallException(Status.Numeric, "a state is NaN or infinite; states must be finite");
    }
}
