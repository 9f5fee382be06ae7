using SparseRM.Server.Wires;

namespace SparseRM.Server.Tests;

/// <summary>The OpenAPI document says what is served.</summary>
public class OpenApiTests(Rewards rewards)
{
    [Fact]
    public async Task The_document_has_every_route_and_no_other_and_every_reference_leads_somewhere()
    {
        var answer = await rewards.Server.Get("/openapi.json");
        var document = answer.Ok;
        Assert.Equal("3.1.0", document.GetProperty("openapi").GetString());
        var described = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}"));
        Assert.Equal(WireRoutes.All(RerankWire.Vllm).Select(route => $"{route.Method} {route.Path}").Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        var schemas = document.GetProperty("components").GetProperty("schemas");
        foreach (System.Text.RegularExpressions.Match reference in System.Text.RegularExpressions.Regex.Matches(answer.Text, "\"#/components/schemas/([A-Za-z]+)\""))
            Assert.True(schemas.TryGetProperty(reference.Groups[1].Value, out _), reference.Value);
    }
}
