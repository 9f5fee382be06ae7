namespace SparseRM.Errors;

/// <summary>A backend could not be opened, or failed in an op.</summary>
public class BackendException : SparseRMException
{
    /// <summary>The sentence is <c>{backend}: {problem}</c>.</summary>
    public BackendException(string backend, string problem) : base($"{backend}: {problem}") => Backend = backend;

    /// <summary>Name of the backend, such as <c>cpu</c>.</summary>
    public string Backend { get; }

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Device;
}

/// <summary>A device was asked for by a name of a form that no device has.</summary>
public sealed class BackendNameException : BackendException
{
    /// <summary>The forms that there are belong into <paramref name="problem"/>.</summary>
    public BackendNameException(string backend, string problem) : base(backend, problem) { }
}

/// <summary>The native library that was found speaks another version of the internal ABI.</summary>
public sealed class AbiMismatchException : BackendException
{
    /// <summary>Both versions and the command that mends it belong into <paramref name="problem"/>.</summary>
    public AbiMismatchException(string backend, string problem) : base(backend, problem) { }
}

/// <summary>A backend was called while another thread was in a call of it: it serves one thread at a time.</summary>
public sealed class BackendBusyException : BackendException
{
    /// <summary>What to do belongs into <paramref name="problem"/>.</summary>
    public BackendBusyException(string backend, string problem) : base(backend, problem) { }

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Usage;
}
