namespace SparseRM.Testing;

/// <summary>The backends that tests run over: all, or those that SPARSERM_TEST_BACKENDS names (<c>cuda:0,cpu</c>), for a machine that is there for one of them.</summary>
/// <remarks>Real devices of ILGPU (<c>ilgpu:opencl:0</c>) only where they are named: a fault of a driver ends the process.</remarks>
public static class AskedBackends
{
    private const string Variable = "SPARSERM_TEST_BACKENDS";

    /// <summary>Those of the backends that were asked for.</summary>
    /// <exception cref="InvalidOperationException">None of them was: a run without tests would look like success.</exception>
    public static string[] Of(string[] all)
    {
        string? asked = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(asked)) return all;
        string[] found = [.. asked.Split(',').Where(name => all.Contains(name) || name.StartsWith("ilgpu:opencl:") || name.StartsWith("ilgpu:cuda:"))];
        return found.Length > 0 ? found : throw new InvalidOperationException(
            $"{Variable} is {asked}; there are tests for {string.Join(", ", all)}, ilgpu:opencl:N and ilgpu:cuda:N");
    }
}
