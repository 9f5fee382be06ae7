using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SparseRM.Server.Tests;

/// <summary>A headless Chromium, driven over its own protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TemporaryFolder _profile;
    private readonly ClientWebSocket _socket = new();
    private int _next;

    private Browser(Process process, TemporaryFolder profile) => (_process, _profile) = (process, profile);

    /// <summary>What the page complained of: exceptions, blocked loads, errors of the console.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Starts it; skips the calling test, saying so, where there is none.</summary>
    public static async Task<Browser> Open()
    {
        string path = Tool.Find("chromium", "the page stays unseen");
        var profile = new TemporaryFolder();
        string[] arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0", $"--user-data-dir={profile.Path}", "about:blank"];
        var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardError = true })!;
        var browser = new Browser(process, profile);
        string? address = null;
        while (address is null && await process.StandardError.ReadLineAsync() is { } line)
            if (line.StartsWith("DevTools listening on ", StringComparison.Ordinal)) address = line["DevTools listening on ".Length..];
        Assert.NotNull(address);
        _ = process.StandardError.ReadToEndAsync();
        using var client = new HttpClient();
        var pages = JsonElement.Parse(await client.GetStringAsync($"http://{new Uri(address).Authority}/json"));
        string page = pages.EnumerateArray().First(one => one.GetProperty("type").GetString() == "page").GetProperty("webSocketDebuggerUrl").GetString()!;
        await browser._socket.ConnectAsync(new Uri(page), TestContext.Current.CancellationToken);
        foreach (string domain in (string[])["Page", "Runtime", "Log"]) await browser.Call($"{domain}.enable");
        return browser;
    }

    /// <summary>Calls a method of the protocol.</summary>
    public async Task<JsonElement> Call(string method, JsonObject? parameters = null)
    {
        int id = ++_next;
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);
        while (true)
        {
            var answer = await Receive();
            if (answer.TryGetProperty("id", out var of) && of.GetInt32() == id)
                return answer.TryGetProperty("result", out var result) ? result : throw new InvalidOperationException($"{method}: {answer}");
            string name = answer.TryGetProperty("method", out var named) ? named.GetString()! : "";
            if (name is "Runtime.exceptionThrown" || (name is "Log.entryAdded" && answer.GetProperty("params").GetProperty("entry").GetProperty("level").GetString() == "error"))
                Complaints.Add(answer.GetProperty("params").GetRawText());
        }
    }

    /// <summary>The value of an expression in the page.</summary>
    public async Task<JsonElement> Evaluate(string expression)
    {
        var answer = await Call("Runtime.evaluate", new() { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
        if (answer.TryGetProperty("exceptionDetails", out var error)) throw new InvalidOperationException($"{expression}: {error}");
        return answer.GetProperty("result").TryGetProperty("value", out var value) ? value : default;
    }

    /// <summary>Waits until an expression is true.</summary>
    public async Task Until(string expression)
    {
        var clock = Stopwatch.StartNew();
        while ((await Evaluate(expression)).ValueKind != JsonValueKind.True)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), $"never true: {expression}");
            await Task.Delay(30);
        }
    }

    /// <summary>Presses a key.</summary>
    public async Task Press(string key, int code, int modifiers = 0)
    {
        foreach (string type in (string[])["keyDown", "keyUp"])
            await Call("Input.dispatchKeyEvent", new() { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code, ["modifiers"] = modifiers });
    }

    /// <summary>Keeps what the page looks like.</summary>
    public async Task Screenshot(string name)
    {
        var picture = await Call("Page.captureScreenshot", new() { ["captureBeyondViewport"] = true });
        string folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "screenshots")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, $"{name}.png"), picture.GetProperty("data").GetBytesFromBase64());
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        // Its last files may still be on their way.
        for (int tries = 0; ; tries++)
        {
            try
            {
                _profile.Dispose();
                return;
            }
            catch (IOException) when (tries < 20)
            {
                await Task.Delay(100);
            }
        }
    }

    private async Task<JsonElement> Receive()
    {
        using var whole = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        WebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            whole.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonElement.Parse(whole.ToArray());
    }
}
