using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

internal sealed class MatMulRun : OpRun
{
    private readonly Matrix _w;
    private readonly Tensor _y;
    private readonly Operand _all, _sample;

    public MatMulRun(Backend backend, MatMulShape shape, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        (_w, _y) = (Matrix("w", shape.Outputs, shape.Inputs), Empty(shape.Rows, shape.Outputs));
        var x = Tensor(shape.Rows, shape.Inputs);
        (_all, _sample) = (Operand(shape.Rows, shape.Inputs), Operand(SampleRows, shape.Inputs));
        backend.Pack(x, _all);
        backend.Pack(Last(x), _sample);
    }

    private protected override IEnumerable<DeviceBuffer> Outputs => [_y.Buffer];

    public override void Call() => Backend.MatMul(_all, new Product(_w, null, _y));

    public override void CallSample() => Backend.MatMul(_sample, new Product(_w, null, Last(_y)));

    private protected override float[] ReadSample(int rows) => Read(Last(_y));
}

internal sealed class GatedMatMulRun : OpRun
{
    private readonly GatedActivationKind _kind;
    private readonly Matrix _gate, _up;
    private readonly Operand _x, _y, _sampleX, _sampleY;

    public GatedMatMulRun(Backend backend, GatedMatMulShape shape, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        (_kind, _gate, _up) = (shape.Kind, Matrix("gate", shape.Outputs, shape.Inputs), Matrix("up", shape.Outputs, shape.Inputs));
        (_x, _y) = (Operand(shape.Rows, shape.Inputs), Operand(shape.Rows, shape.Outputs));
        (_sampleX, _sampleY) = (Operand(SampleRows, shape.Inputs), Operand(SampleRows, shape.Outputs));
        var x = Tensor(shape.Rows, shape.Inputs);
        backend.Pack(x, _x);
        backend.Pack(Last(x), _sampleX);
    }

    private protected override IEnumerable<DeviceBuffer> Outputs => [_y.Buffer, _sampleY.Buffer];

    public override void Call() => Backend.GatedMatMul(_x, _gate, _up, _kind, _y);

    public override void CallSample() => Backend.GatedMatMul(_sampleX, _gate, _up, _kind, _sampleY);

    private protected override float[] ReadSample(int rows) => Read(rows == _y.Rows ? _y : _sampleY);
}

internal sealed class AddRmsNormRun : OpRun
{
    private const float Eps = 1e-6f, UnitOffset = 1;
    private readonly Tensor _residual, _delta, _deltaWeight, _weight;
    private readonly float[] _residualValues, _deltaValues;
    private readonly Operand _y, _sampleY;

    public AddRmsNormRun(Backend backend, AddRmsNormShape shape, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        (_residual, _delta) = (Empty(shape.Rows, shape.Columns), Empty(shape.Rows, shape.Columns));
        (_residualValues, _deltaValues) = (Random(shape.Rows * shape.Columns), Random(shape.Rows * shape.Columns));
        (_deltaWeight, _weight) = (Tensor(1, shape.Columns), Tensor(1, shape.Columns));
        (_y, _sampleY) = (Operand(shape.Rows, shape.Columns), Operand(SampleRows, shape.Columns));
        Reset();
    }

    private protected override IEnumerable<DeviceBuffer> Outputs => [_y.Buffer, _sampleY.Buffer];

    public override void Call() => Backend.AddRmsNorm(_residual, _delta, _deltaWeight, _weight, Eps, UnitOffset, _y);

    public override void CallSample() => Backend.AddRmsNorm(Last(_residual), Last(_delta), _deltaWeight, _weight, Eps, UnitOffset, _sampleY);

    private protected override void Reset()
    {
        Backend.Upload(_residualValues, _residual);
        Backend.Upload(_deltaValues, _delta);
    }

    private protected override float[] ReadSample(int rows) => Read(rows == _y.Rows ? _y : _sampleY);
}

internal sealed class SaeEncodeRun : OpRun
{
    private readonly SaeEncoder _encoder;
    private readonly Tensor _x;
    private readonly SparseLatents _latents = new();

    public SaeEncodeRun(Backend backend, SaeEncodeShape shape, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        var weights = Weights("w_enc", shape.DSae, shape.DIn);
        _x = Tensor(shape.Rows, shape.DIn);
        _encoder = Own(new SaeEncoder(backend, new SparseAutoencoder
        {
            DIn = shape.DIn, DSae = shape.DSae, Layer = null, HookName = null, WEnc = weights, EncoderIsTransposed = true, EncoderScale = null,
            BEnc = new float[shape.DSae], WDec = weights, DecoderIsTransposed = false, DecoderScale = null, BDec = new float[shape.DIn],
            InputNorm = SaeInputNorm.None, Activation = shape.Activation, Format = "random", Id = shape.Name, GatingMode = null, Notes = [],
        }, compute));
    }

    private protected override IEnumerable<DeviceBuffer> Outputs => [];

    public override void Call() => Backend.SaeEncode(_x, _encoder.Weights, _latents);

    public override void CallSample() => Backend.SaeEncode(Last(_x), _encoder.Weights, _latents);

    private protected override float[] ReadSample(int rows)
    {
        int width = _encoder.Sae.DSae;
        var dense = new float[SampleRows * width];
        for (int row = 0; row < SampleRows; row++)
        {
            int from = rows - SampleRows + row;
            for (int i = 0; i < _latents.Indices(from).Length; i++) dense[row * width + _latents.Indices(from)[i]] = _latents.Values(from)[i];
        }
        return dense;
    }
}
