using BenchmarkDotNet.Running;
using SparseRM.Benchmarks;

BenchmarkSwitcher.FromAssembly(typeof(Shape).Assembly).Run(args);
