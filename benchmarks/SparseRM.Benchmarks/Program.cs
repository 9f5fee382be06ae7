using BenchmarkDotNet.Running;
using SparseRM.Benchmarks;

var problems = AllocationGate.Problems(BenchmarkSwitcher.FromAssembly(typeof(AllocationGate).Assembly).Run(args));
foreach (string problem in problems) Console.Error.WriteLine($"error: {problem}");
return problems.Count == 0 ? 0 : 1;
