namespace SparseRM.Backends;

/// <summary>What the trust in a kernel rests on, least first.</summary>
public enum Evidence
{
    /// <summary>Nothing: it compiles.</summary>
    None,
    /// <summary>Conformance tests passed where something else stood in for the device: an emulation of the driver, or of the instructions.</summary>
    Emulated,
    /// <summary>They passed through a real driver on a device of another kind than it was written for.</summary>
    Driver,
    /// <summary>They passed on a processor or GPU that has what it needs.</summary>
    Hardware,
}
