using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class JinjaGoldenTests
{
    [Fact]
    public void Templates_render_what_Jinja2_renders()
    {
        var lines = TokenizerFiles.Lines(SharedData.Shipped("goldens", "jinja", "cases.jsonl")).ToList();
        var messages = lines[0].Messages();
        var arguments = new JsonFields(lines[0].GetProperty("arguments"));
        var wrong = new List<string>();
        int rendered = 0;
        foreach (var line in lines.Skip(1))
        {
            string template = line.GetProperty("template").GetString()!;
            string? expected = line.TryGetProperty("rendered", out var text) ? text.GetString() : null;
            string? found = Render(template, messages, arguments, out string? refusal);
            if (found != expected) wrong.Add($"{JsonSerializer.Serialize(template)}: expected {expected ?? "a refusal"}, found {found ?? refusal}");
            if (expected is not null) rendered++;
        }
        Assert.Empty(wrong);
        Assert.InRange(rendered, 5000, int.MaxValue);
    }

    private static string? Render(string template, Message[] messages, JsonFields arguments, out string? refusal)
    {
        try
        {
            refusal = null;
            return ChatTemplate.Parse("t", template).Render(messages, arguments: arguments).Text;
        }
        catch (SparseRMException error)
        {
            refusal = error.Message;
            return null;
        }
    }
}
