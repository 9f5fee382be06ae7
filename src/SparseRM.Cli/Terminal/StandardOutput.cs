using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>Standard output as a stream that says when its reader has gone; the runtime's own stream swallows that.</summary>
internal sealed class StandardOutput : Stream
{
    private const int BrokenPipe = 32;
    private readonly Stream _inner = Open();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            _inner.Write(buffer);
        }
        catch (IOException error) when (error.HResult == BrokenPipe)
        {
            throw new OutputClosedException();
        }
        catch (IOException error)
        {
            throw new SparseRMException($"standard output cannot be written ({error.Message})", error);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => _inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static Stream Open()
    {
        if (OperatingSystem.IsWindows()) return Console.OpenStandardOutput();
        var file = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // A FileStream writes a seekable file at an offset of its own, which would overwrite what `2>&1` put there.
        return file.CanSeek ? Console.OpenStandardOutput() : file;
    }
}
