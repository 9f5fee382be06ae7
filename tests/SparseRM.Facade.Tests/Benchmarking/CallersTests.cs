using System.Collections.Concurrent;
using SparseRM.Benchmarking;

namespace SparseRM.Facade.Tests.Benchmarking;

public sealed class CallersTests
{
    [Fact]
    public void Each_number_is_called_once_in_each_run_by_threads_that_stay()
    {
        var calls = new ConcurrentBag<(int Number, int Thread)>();
        using var callers = new Callers(4, number => calls.Add((number, Environment.CurrentManagedThreadId)));
        var threads = new HashSet<int>();
        foreach (int count in new[] { 100, 7, 0, 4 })
        {
            calls.Clear();
            callers.Run(count);
            Assert.Equal(Enumerable.Range(0, count), calls.Select(call => call.Number).Order());
            threads.UnionWith(calls.Select(call => call.Thread));
        }
        Assert.InRange(threads.Count, 1, 4);
        Assert.DoesNotContain(Environment.CurrentManagedThreadId, threads);
    }

    [Fact]
    public void What_a_call_throws_is_thrown_by_the_run_and_not_by_a_thread()
    {
        using var callers = new Callers(3, number => _ = number == 5 ? throw new InvalidDataException() : number);
        Assert.Throws<InvalidDataException>(() => callers.Run(9));
        callers.Run(4);
    }
}
