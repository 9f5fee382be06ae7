using SparseRM.Errors;

namespace SparseRM.Cuda;

/// <summary>What changed launch arguments of a kernel do to the results of a scenario.</summary>
internal sealed class Changes
{
    private readonly string _kernel;
    private readonly Func<float[]> _run;
    private readonly float[] _expected;

    /// <summary>Runs the scenario twice unchanged: the kernel is launched, and the results are the same.</summary>
    public Changes(string kernel, Func<float[]> run)
    {
        (_kernel, _run) = (kernel, run);
        MockDriver.Violations();
        int before = MockDriver.Count(kernel);
        _expected = run();
        Assert.Equal("", MockDriver.Violations());
        Assert.True(MockDriver.Count(kernel) > before, $"{kernel} was not launched");
        Assert.Equal(_expected, run());
    }

    /// <summary>Whether a parameter that is a little greater or less changes the results, or is refused.</summary>
    public bool IsSeen(int parameter) => IsSeenWhenGreater(parameter) || IsSeen(parameter, -1);

    /// <summary>Whether a parameter that is a little greater does; a pointer that is less may be refused unread.</summary>
    public bool IsSeenWhenGreater(int parameter) => IsSeen(parameter, Step(parameter));

    /// <summary>One of 4 bytes; flash writes 16 at once, and where they are not aligned it ends this process.</summary>
    private long Step(int parameter) => (_kernel.StartsWith("attention_flash", StringComparison.Ordinal), parameter) switch
    {
        (true, 15) => 16,
        (true, 16) => 8,
        _ => MockDriver.IsPointer(_kernel, parameter) ? 4 : 1,
    };

    private bool IsSeen(int parameter, long add)
    {
        MockDriver.Tamper(_kernel, parameter, add);
        try
        {
            return !_run().AsSpan().SequenceEqual(_expected) || MockDriver.Violations() != "";
        }
        catch (Exception error) when (error is SparseRMException or ArgumentException)
        {
            return true;
        }
        finally
        {
            MockDriver.Tamper(_kernel, -1, 0);
            MockDriver.Violations();
        }
    }
}
