using Microsoft.Win32.SafeHandles;

namespace SparseRM.Interop;

/// <summary>Owns an srmk_backend.</summary>
internal sealed class BackendHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public BackendHandle() : base(true) { }
    public BackendHandle(nint value) : base(true) => SetHandle(value);

    protected override bool ReleaseHandle()
    {
        NativeMethods.srmk_backend_close(handle);
        return true;
    }
}

/// <summary>Owns an srmk_buffer.</summary>
internal sealed class BufferHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public BufferHandle() : base(true) { }
    public BufferHandle(nint value) : base(true) => SetHandle(value);

    protected override bool ReleaseHandle()
    {
        NativeMethods.srmk_buffer_free(handle);
        return true;
    }
}

/// <summary>Owns an srmk_matrix.</summary>
internal sealed class MatrixHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public MatrixHandle() : base(true) { }
    public MatrixHandle(nint value) : base(true) => SetHandle(value);

    protected override bool ReleaseHandle()
    {
        NativeMethods.srmk_matrix_free(handle);
        return true;
    }
}
