using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>The page and the OpenAPI document, from the assembly.</summary>
internal static class PageRoutes
{
    // The page talks to its own server alone, runs its own script alone, and can be framed by nobody.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>The routes.</summary>
    public static IEnumerable<WireRoute> Routes =>
    [
        Of("/", "index.html", "text/html; charset=utf-8"),
        Of("/page.css", "page.css", "text/css; charset=utf-8"),
        Of("/page.js", "page.js", "text/javascript; charset=utf-8"),
        Of("/icon.svg", "icon.svg", "image/svg+xml"),
        Of("/openapi.json", "openapi.json", "application/json"),
    ];

    private static WireRoute Of(string path, string name, string type)
    {
        byte[]? content = null;
        return new("GET", path, "page", ErrorShapes.Own, call =>
        {
            var headers = call.Http.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers.CacheControl = "no-cache";
            return call.WriteAsync(content ??= Read(name), type);
        })
        { HasBody = false, IsOpen = true };
    }

    private static byte[] Read(string name)
    {
        using var stream = typeof(PageRoutes).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"the assembly has no resource {name}");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
