using System.Globalization;
using System.Net.Sockets;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Benchmarking.Serving;

/// <summary>A connection that posts bytes and reads answers, with as little work of its own as there can be: what is measured is the server.</summary>
internal sealed class HttpSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _buffer = new byte[4096];
    private int _count;

    /// <summary>Connects.</summary>
    public HttpSocket(Uri address) => _socket.Connect(address.Host, address.Port);

    /// <summary>The bytes of a POST.</summary>
    public static byte[] Post(string path, byte[] body) =>
        [.. Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n"), .. body];

    /// <summary>Sends a request and waits on this thread for its answer.</summary>
    public HttpAnswer Ask(byte[] request)
    {
        _socket.Send(request);
        HttpAnswer? answer;
        while ((answer = Take()) is null) Grown(_socket.Receive(_buffer, _count, Room(), SocketFlags.None));
        return answer.Value;
    }

    /// <summary>As <see cref="Ask"/>, without a thread that waits.</summary>
    public async Task<HttpAnswer> AskAsync(ReadOnlyMemory<byte> request, CancellationToken cancel)
    {
        await SendAsync(request, cancel).ConfigureAwait(false);
        return await ReceiveAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Sends some bytes of a request.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancel).ConfigureAwait(false)..];
    }

    /// <summary>Reads an answer; an interim one is passed over.</summary>
    /// <param name="cancel">Gives up.</param>
    /// <param name="piece">Bytes that are read at once: few for a slow reader.</param>
    /// <param name="pause">What passes between two reads.</param>
    public async Task<HttpAnswer> ReceiveAsync(CancellationToken cancel, int piece = int.MaxValue, TimeSpan pause = default)
    {
        HttpAnswer? answer;
        while ((answer = Take()) is null)
        {
            int room = Math.Min(Room(), piece);
            Grown(await _socket.ReceiveAsync(_buffer.AsMemory(_count, room), SocketFlags.None, cancel).ConfigureAwait(false));
            if (pause > TimeSpan.Zero) await Task.Delay(pause, cancel).ConfigureAwait(false);
        }
        return answer.Value;
    }

    /// <summary>Says that nothing more is sent, and goes on reading.</summary>
    public void CloseHalf() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Goes away.</summary>
    /// <param name="abruptly">With a reset, as a program that is killed; otherwise with a FIN.</param>
    public void Leave(bool abruptly)
    {
        if (abruptly) _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private int Room()
    {
        if (_count == _buffer.Length) Array.Resize(ref _buffer, 2 * _buffer.Length);
        return _buffer.Length - _count;
    }

    private void Grown(int count)
    {
        if (count == 0) throw new SparseRMException(ErrorKind.Internal, "the server closed the connection before it had answered");
        _count += count;
    }

    private HttpAnswer? Take()
    {
        while (true)
        {
            var bytes = _buffer.AsSpan(0, _count);
            int end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0) return null;
            int status = int.Parse(bytes[9..12], CultureInfo.InvariantCulture);
            int length = status < 200 ? 0 : Length(bytes[..(end + 2)]), all = end + 4 + length;
            if (_count < all) return null;
            byte[] body = bytes[(end + 4)..all].ToArray();
            bytes[all..].CopyTo(_buffer);
            _count -= all;
            if (status >= 200) return new HttpAnswer(status, body);
        }
    }

    private static int Length(ReadOnlySpan<byte> head)
    {
        var name = "\r\nContent-Length: "u8;
        int at = head.IndexOf(name);
        if (at < 0) throw new SparseRMException(ErrorKind.Internal, "the server answered without a Content-Length");
        var value = head[(at + name.Length)..];
        return int.Parse(value[..value.IndexOf((byte)'\r')], CultureInfo.InvariantCulture);
    }
}

/// <summary>An answer: its status and its body.</summary>
internal readonly record struct HttpAnswer(int Status, byte[] Body);
