using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using SparseRM.Benchmarking.Ops;

namespace SparseRM.Benchmarks;

/// <summary>GFLOP/s from the median and the parameter named Shape.</summary>
internal sealed class GflopsColumn : IColumn
{
    public string Id => "GFLOP/s";
    public string ColumnName => Id;
    public string Legend => "10^9 additions and multiplications a second, by the median";
    public bool AlwaysShow => true;
    public ColumnCategory Category => ColumnCategory.Custom;
    public int PriorityInCategory => 0;
    public bool IsNumeric => true;
    public UnitType UnitType => UnitType.Dimensionless;
    public bool IsAvailable(Summary summary) => true;
    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        summary[benchmarkCase]?.ResultStatistics is { } statistics && benchmarkCase.Parameters["Shape"] is OpShape shape
            ? $"{shape.Flops(shape.Rows) / statistics.Median:F0}"
            : "-";
}

/// <summary>Few, in-process iterations with the median, GFLOP/s and allocated bytes, which must read 0 for an op.</summary>
internal sealed class OpConfig : ManualConfig
{
    public OpConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(BenchmarkDotNet.Toolchains.InProcess.Emit.InProcessEmitToolchain.Instance));
        AddColumn(StatisticColumn.Median, new GflopsColumn());
        AddDiagnoser(MemoryDiagnoser.Default);
    }
}
