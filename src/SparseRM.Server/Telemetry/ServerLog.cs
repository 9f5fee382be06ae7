using Microsoft.Extensions.Logging;

namespace SparseRM.Server.Telemetry;

/// <summary>What the server logs. No text of a request is among it, unless the options ask for texts.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "listening on {Address} with {Rewards}")]
    public static partial void Listening(ILogger log, string address, string rewards);

    [LoggerMessage(2, LogLevel.Information, "reward model {Name} was read again: {Fingerprint}")]
    public static partial void Reloaded(ILogger log, string name, string fingerprint);

    [LoggerMessage(3, LogLevel.Error, "reward model {Name} stays as it was: {Problem}")]
    public static partial void NotReloaded(ILogger log, string name, string problem);

    [LoggerMessage(4, LogLevel.Information, "stopping: {Running} requests are answered first")]
    public static partial void Stopping(ILogger log, long running);

    [LoggerMessage(5, LogLevel.Warning, "{Method} {Path} {Status} {Kind}: {Problem}")]
    public static partial void Refused(ILogger log, string method, string path, int status, string kind, string problem);

    [LoggerMessage(6, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void Failed(ILogger log, Exception error, string method, string path);

    [LoggerMessage(7, LogLevel.Information, "{Method} {Path} {Status} in {Milliseconds:0.0} ms")]
    public static partial void Answered(ILogger log, string method, string path, int status, double milliseconds);

    [LoggerMessage(8, LogLevel.Error, "known answers are wrong: {Problem}")]
    public static partial void NotReady(ILogger log, string problem);

    [LoggerMessage(9, LogLevel.Information, "{Method} {Path} body {Body}")]
    public static partial void Body(ILogger log, string method, string path, string body);

    [LoggerMessage(10, LogLevel.Warning, "{Problem}")]
    public static partial void Warning(ILogger log, string problem);

    [LoggerMessage(12, LogLevel.Error, "{Field} failed")]
    public static partial void InputFailed(ILogger log, Exception error, string field);

    [LoggerMessage(11, LogLevel.Warning, "a request reached no route, {Status}: {Problem}")]
    public static partial void Unread(ILogger log, int status, string problem);
}
