using System.Net;
using System.Net.Sockets;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Server.Tests;

/// <summary>Keys, addresses, limits, and bodies and sockets that are none.</summary>
public class SafetyTests(Rewards rewards)
{
    internal const string Good = """{"prompt": "Q", "response": "A"}""";

    [Fact]
    public async Task Another_address_than_loopback_needs_a_key_or_insecure()
    {
        var error = await Assert.ThrowsAsync<SparseRMException>(() => rewards.Start(options => options with { Listen = new IPEndPoint(IPAddress.Any, 0) }));
        Assert.Contains("can be reached from other machines, and no API key is set", error.Message);
        Assert.Equal(ErrorKind.Usage, error.Kind);
        await using var open = await rewards.Start(options => options with { Listen = new IPEndPoint(IPAddress.Any, 0), Insecure = true });
        await using var keyed = await rewards.Start(options => options with { Listen = new IPEndPoint(IPAddress.Any, 0), ApiKey = "0123456789" });
    }

    [Theory]
    [InlineData(null, null, 401)]
    [InlineData("X-API-Key", "0123456780", 401)]
    [InlineData("X-API-Key", "0123456789", 200)]
    [InlineData("Authorization", "Bearer 0123456789", 200)]
    [InlineData("Authorization", "Bearer 012345678", 401)]
    [InlineData("Authorization", "Basic 0123456789", 401)]
    public async Task A_key_is_asked_of_all_but_health_and_page(string? header, string? value, int status)
    {
        await using var server = await rewards.Start(options => options with { ApiKey = "0123456789" });
        foreach (var (method, path) in ((HttpMethod, string)[])[(HttpMethod.Post, "/v1/rewards"), (HttpMethod.Post, "/admin/reload"), (HttpMethod.Get, "/metrics"), (HttpMethod.Get, "/v1/recent")])
        {
            var request = new HttpRequestMessage(method, path);
            if (method == HttpMethod.Post) request.Content = new StringContent(Good);
            if (header is not null) request.Headers.TryAddWithoutValidation(header, value);
            Assert.Equal(status, (int)(await server.Send(request)).Status);
        }
        foreach (string path in (string[])["/health", "/ready", "/"]) Assert.Equal(HttpStatusCode.OK, (await server.Get(path)).Status);
    }

    [Theory]
    [InlineData("http://evil.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://localhost:3000", 200)]
    [InlineData("http://127.0.0.1:8000", 200)]
    public async Task Without_a_key_only_this_machine_s_pages_are_served(string origin, int status)
    {
        foreach (string path in (string[])["/v1/rewards", "/admin/reload"])
        {
            var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(Good) };
            request.Headers.Add("Origin", origin);
            var answer = await rewards.Server.Send(request);
            Assert.Equal(status, (int)answer.Status);
            if (status == 403) Assert.Contains($"the request comes from a web page of '{origin}'", answer.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("localhost:1", 200)]
    [InlineData("127.0.0.1", 200)]
    [InlineData("[::1]:8000", 200)]
    [InlineData("evil.example", 403)]
    [InlineData("localhost.evil.example:8000", 403)]
    public async Task Without_a_key_only_this_machine_s_names_are_served(string host, int status)
    {
        foreach (var (method, path) in ((HttpMethod, string)[])[(HttpMethod.Get, "/v1/recent"), (HttpMethod.Post, "/v1/rewards"), (HttpMethod.Get, "/metrics")])
        {
            var request = new HttpRequestMessage(method, path) { Headers = { Host = host } };
            if (method == HttpMethod.Post) request.Content = new StringContent(Good);
            var answer = await rewards.Server.Send(request);
            Assert.Equal(status, (int)answer.Status);
            if (status == 403) Assert.Contains($"the request is for the host '{host.Split(':')[0]}', and without an API key only localhost", answer.Text, StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.OK, (await rewards.Server.Send(new HttpRequestMessage(HttpMethod.Get, "/health") { Headers = { Host = host } })).Status);
    }

    [Theory]
    [InlineData("01234567\n89abcdef")]
    [InlineData("01234567\t89abcdef")]
    [InlineData("0123456789 ")]
    public async Task A_key_that_no_client_can_send_is_refused_at_the_start(string key)
    {
        var error = await Assert.ThrowsAsync<SparseRMException>(() => rewards.Start(options => options with { ApiKey = key }));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("give one line of text", error.Message);
    }

    [Fact]
    public async Task An_address_of_another_machine_is_told_as_one()
    {
        var error = await Assert.ThrowsAsync<SparseRMException>(() => rewards.Start(options =>
            options with { Listen = new System.Net.IPEndPoint(System.Net.IPAddress.Parse("203.0.113.1"), 0), Insecure = true }));
        Assert.Contains("cannot be listened on", error.Message);
    }

    [Fact]
    public async Task Large_bodies_are_refused_without_being_read()
    {
        using var socket = rewards.Server.Connect();
        socket.ReceiveTimeout = 10_000;
        socket.Send("POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n{"u8);
        Assert.StartsWith("HTTP/1.1 413", ReadHead(socket));
        byte[] large = new byte[17 << 20];
        large.AsSpan().Fill((byte)' ');
        var chunked = new HttpRequestMessage(HttpMethod.Post, "/classify") { Content = new StreamContent(new MemoryStream(large)) };
        chunked.Headers.TransferEncodingChunked = true;
        try
        {
            Assert.Equal(413, (int)(await rewards.Server.Send(chunked)).Status);
        }
        catch (HttpRequestException)
        {
            // The connection may be closed while the rest of the body is still being sent.
        }
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_told_the_bound()
    {
        await using var server = await rewards.Start(options => options with { Limits = options.Limits with { BodyBytes = 100 } });
        var refused = (await server.Post("/v1/rewards", $$"""{"prompt": "{{new string('a', 100)}}", "response": "b"}""")).Refused(413);
        Assert.Equal("the body is larger than the 100 bytes that this server takes; send less at once", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bodies_beyond_what_all_may_hold_come_again_later(bool isChunked)
    {
        await using var server = await rewards.Start(options => options with { Limits = options.Limits with { HeldBodyBytes = 400 } });
        using (var slow = server.Connect())
        {
            // A client that never ends its body holds what it sent, not what it says that it will send.
            slow.Send(Encoding.ASCII.GetBytes($"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16000000\r\n\r\n{new string(' ', 300)}"));
            string body = $$"""{"prompt": "{{new string('a', 200)}}", "response": "b"}""";
            var refused = await Until(() => Send("/v1/rewards", body), answer => answer.Status == HttpStatusCode.TooManyRequests);
            Assert.Contains("the bodies of all requests have more than 400 bytes; send this one again later", refused.Text);
            // On a trainer's route a 4xx would end its run.
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Send("/get_reward", $$"""{"query": ["{{new string('a', 200)}}"], "prompts": ["b"]}""")).Status);
            // One that fits is answered meanwhile.
            Assert.Equal(200, (int)(await server.Post("/v1/rewards", """{"prompt": "a", "response": "b"}""")).Status);
        }
        // Alone, one may be larger than the room.
        await Until(() => Send("/v1/rewards", $$"""{"prompt": "{{new string('a', 500)}}", "response": "b"}"""), answer => answer.Status == HttpStatusCode.OK);

        async Task<Answer> Send(string path, string body)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body) };
            request.Headers.TransferEncodingChunked = isChunked;
            return await server.Send(request);
        }

        static async Task<Answer> Until(Func<Task<Answer>> ask, Func<Answer, bool> isSo)
        {
            for (int tries = 0; ; tries++)
            {
                var answer = await ask();
                if (isSo(answer)) return answer;
                Assert.True(tries < 200, answer.Text);
                await Task.Delay(10);
            }
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_compressed_body_is_refused_by_its_encoding(string encoding)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/rewards") { Content = new ByteArrayContent([0x1f, 0x8b, 8]) };
        request.Content.Headers.ContentEncoding.Add(encoding);
        var refused = (await rewards.Server.Send(request)).Refused(415);
        Assert.Equal($"the body is encoded as '{encoding}' (Content-Encoding), and this server takes plain JSON only; send it without", refused.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Lists_within_lists_are_counted_together()
    {
        string responses = System.Text.Json.JsonSerializer.Serialize(Enumerable.Repeat("A", 3000)), input = $$"""{"prompt": "Q", "responses": {{responses}}}""";
        var refused = (await rewards.Server.Post("/v1/rewards", $$"""{"inputs": [{{input}}, {{input}}]}""")).Refused(413).GetProperty("error");
        Assert.Equal("too_many", refused.GetProperty("kind").GetString());
    }

    [Fact]
    public async Task A_name_that_is_no_text_is_the_client_s_fault()
    {
        foreach (string path in (string[])["/v1/rewards", "/classify", "/get_reward", "/predict"])
            Assert.InRange((int)(await rewards.Server.Post(path, """{"\ud800prompt": 1, "input": "x", "query": ["x"], "inputs": "x"}""")).Status, 200, 499);
    }

    [Fact]
    public async Task Too_many_inputs_are_refused_in_each_wire_s_shape()
    {
        string many = "[" + string.Join(',', Enumerable.Repeat("\"a\"", 1_000_000)) + "]";
        Assert.Equal(413, (int)(await rewards.Server.Post("/v1/rewards", $$"""{"inputs": [{"prompt": "Q", "responses": {{many}}}]}""")).Status);
        Assert.Equal(400, (int)(await rewards.Server.Post("/classify", $$"""{"input": {{many}}}""")).Status);
        Assert.Equal(400, (int)(await rewards.Server.Post("/get_reward", $$"""{"query": {{many}}}""")).Status);
        Assert.Equal("Validation", (await rewards.Server.Post("/rerank", $$"""{"query": "Q", "texts": {{many}}}""")).Refused(413).GetProperty("error_type").GetString());
    }

    [Theory]
    [InlineData("/v1/rewards")]
    [InlineData("/classify")]
    [InlineData("/get_reward")]
    [InlineData("/predict")]
    [InlineData("/slime")]
    [InlineData("/roll/submit")]
    [InlineData("/verify")]
    public async Task Bodies_that_are_no_request_are_refused_and_the_server_lives(string path)
    {
        byte[][] bodies =
        [
            [], "null"u8.ToArray(), "[]"u8.ToArray(), "{"u8.ToArray(), "\xff\xfe"u8.ToArray(), Encoding.ASCII.GetBytes(new string('[', 100_000)),
            Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))), "{\"inputs\": [[[1]]], \"input\": {}, \"query\": {}, \"prompt\": 1, \"response\": []}"u8.ToArray(),
            "{\"inputs\": 1e999, \"input\": 1e999, \"query\": 1e999, \"prompt\": \"x\", \"response\": 1e999}"u8.ToArray(),
        ];
        foreach (byte[] body in bodies)
        {
            var answer = await rewards.Server.Post(path, body);
            Assert.InRange((int)answer.Status, 400, 499);
            Assert.Equal(System.Text.Json.JsonValueKind.Object, answer.Json.ValueKind);
        }
        (await rewards.Server.Post("/v1/rewards", Good)).Refused(200);
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF8_are_not_read_as_another_text()
    {
        byte[] body = [.. "{\"input\": \"a"u8, 0xC3, 0x28, .. "\"}"u8];
        (await rewards.Server.Post("/classify", body)).Refused(400);
    }

    [Fact]
    public async Task No_path_opens_a_file()
    {
        foreach (string path in (string[])["/../../etc/passwd", "/%2e%2e/etc/passwd", "/page.js/../../x", "/admin/..%2f..%2fetc/passwd", "/index.html"])
            Assert.Equal(HttpStatusCode.NotFound, (await rewards.Server.Get(path)).Status);
        (await rewards.Server.Send(new HttpRequestMessage(HttpMethod.Post, "/admin/reload?model=/etc/passwd"))).Refused(404);
    }

    [Fact]
    public async Task TLS_is_served_from_PEM_files()
    {
        using var folder = new TemporaryFolder();
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=localhost", key, System.Security.Cryptography.HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(folder.File("cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("key.pem"), key.ExportPkcs8PrivateKeyPem());
        await using var server = await rewards.Start(options => options with { TlsCertificate = folder.File("cert.pem"), TlsKey = folder.File("key.pem") });
        using var client = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, found, _, _) => found!.Thumbprint == certificate.Thumbprint });
        Assert.Equal("https", server.Server.Address.Scheme);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri(server.Server.Address, "/health"))).StatusCode);
        File.WriteAllText(folder.File("key.pem"), "nothing");
        var error = await Assert.ThrowsAsync<SparseRMException>(() => rewards.Start(options => options with { TlsCertificate = folder.File("cert.pem"), TlsKey = folder.File("key.pem") }));
        Assert.Contains("cannot be used for TLS", error.Message);
    }

    internal static string ReadHead(Socket socket)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal) && socket.Receive(buffer) is > 0 and var count) text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        catch (SocketException)
        {
            // Closed by the other side.
        }
        return text.ToString();
    }
}
