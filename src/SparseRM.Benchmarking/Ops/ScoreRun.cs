using SparseRM.Backends;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

internal sealed class ScoreRun : OpRun
{
    private readonly ResidentHeads _heads;
    private readonly Tensor _z, _scores;

    public ScoreRun(Backend backend, ScoreShape shape, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        var input = new HeadInput(HeadInputKind.Random, shape.DModel, Random(shape.Inputs * shape.DModel), [], gates: null);
        var head = new RewardHead(shape.Inputs, shape.Hidden, Random(shape.Hidden * shape.Inputs), Random(shape.Hidden), Random(shape.Hidden), 0);
        _heads = Own(new ResidentHeads(backend, input, [head]));
        (_z, _scores) = (Tensor(shape.Rows, shape.DModel), Empty(shape.Rows, 1));
    }

    private protected override IEnumerable<DeviceBuffer> Outputs => [_scores.Buffer];

    public override void Call() => Backend.Score(_z, _heads.Weights, _scores);

    public override void CallSample() => Backend.Score(Last(_z), _heads.Weights, Last(_scores));

    private protected override float[] ReadSample(int rows) => Read(Last(_scores));
}
