using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace SparseRM.Server.Http;

/// <summary>Whether the client of a connection still waits for its answer: one that closed its own half does, one that is gone does not.</summary>
/// <remarks>
/// Both send the same FIN, and Kestrel takes it for an abort. So its signals (the token here, the end of its bytes in <see cref="LateEndReader"/>)
/// are held back while the socket says no more than that the other half is closed
/// (TCP state CLOSE_WAIT). To tell the two apart, an interim response of HTTP/1.1 (100, which every client must pass over, RFC 9110 section 15.2) is sent while
/// the answer is computed: a host whose program is gone resets the connection, one whose program reads takes it. HTTP/1.0 has no interim responses: there the
/// answer is computed in any case. Under TLS a FIN is an end.
/// </remarks>
internal sealed class ClientPresence
{
    private const int TcpInfo = 11, CloseWait = 8;
    private static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(20), s_most = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly Socket _socket;
    private readonly CancellationTokenSource _gone = new();
    private readonly CancellationTokenSource _ended = new();
    private bool _mayProbe;

    private ClientPresence(Socket socket) => _socket = socket;

    /// <summary>Watches a connection in Kestrel's stead.</summary>
    public static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (!OperatingSystem.IsLinux() || connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }
        var presence = new ClientPresence(socket);
        var closed = connection.ConnectionClosed;
        connection.ConnectionClosed = presence._gone.Token;
        connection.Transport = new Transport(new LateEndReader(connection.Transport.Input), connection.Transport.Output);
        connection.Features.Set(presence);
        // A FIN is looked into elsewhere: this is the socket's own thread.
        using var registration = closed.UnsafeRegister(static state => _ = Task.Run(((ClientPresence)state!).LookAsync), presence);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            await presence._ended.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A request is there whole and its answer is being computed; interim responses may be sent to its client.</summary>
    public void Waits()
    {
        lock (_gate) _mayProbe = true;
    }

    /// <summary>Its answer is about to be written: nothing may come between.</summary>
    public void IsAnswered()
    {
        lock (_gate) _mayProbe = false;
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private async Task LookAsync()
    {
        try
        {
            for (var pause = s_first; IsHalfOpen(); pause = pause < s_most ? 2 * pause : s_most)
            {
                Probe();
                await Task.Delay(pause, _ended.Token).ConfigureAwait(false);
            }
            await _gone.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
        {
            // The connection has come to its end.
        }
    }

    private void Probe()
    {
        lock (_gate)
        {
            // Nothing else is on its way: the answers before were taken over by the system before their requests ended (no response buffer).
            if (!_mayProbe || !_socket.Poll(0, SelectMode.SelectWrite)) return;
            try
            {
                _socket.Send("HTTP/1.1 100 Continue\r\n\r\n"u8);
            }
            catch (SocketException)
            {
                // Reset: the state says so.
            }
        }
    }

    private bool IsHalfOpen()
    {
        try
        {
            Span<byte> state = stackalloc byte[1];
            return _socket.GetRawSocketOption((int)ProtocolType.Tcp, TcpInfo, state) == 1 && state[0] == CloseWait;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
