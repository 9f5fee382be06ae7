using System.Buffers;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class TokenizerAdapterTests
{
    private const string Text = "Hello  world, 漢字 and 😀 <0x41> é!\n";

    [Theory]
    [InlineData("gpt2")]
    [InlineData("qwen2")]
    [InlineData("llama3")]
    [InlineData("llama2")]
    public void Ids_counts_and_texts_are_the_models(string name)
    {
        var tokenizer = TokenizerFiles.Named(name);
        var adapter = tokenizer.AsTokenizer();
        int[] ids = tokenizer.Encode(Text, addBos: false);
        Assert.Equal(ids, adapter.EncodeToIds(Text));
        Assert.Equal(ids, adapter.EncodeToIds(Text.AsSpan()));
        Assert.Equal(ids.Length, adapter.CountTokens(Text));
        Assert.Equal(Text, adapter.Decode(ids));
        var tokens = adapter.EncodeToTokens(Text, out string? normalized);
        Assert.Null(normalized);
        Assert.Equal(ids, tokens.Select(token => token.Id));
        Assert.Equal(tokens.Select(token => tokenizer.TokenText(token.Id)), tokens.Select(token => token.Value));
        Assert.Equal(0, tokens[0].Offset.Start.Value);
        Assert.Equal(Text.Length, tokens[^1].Offset.End.Value);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2")]
    public void Limits_of_tokens_do_not_cut_characters(string name)
    {
        var adapter = TokenizerFiles.Named(name).AsTokenizer();
        var ids = adapter.EncodeToIds(Text);
        for (int limit = 1; limit <= ids.Count + 1; limit++)
        {
            int end = adapter.GetIndexByTokenCount(Text, limit, out _, out int count);
            var taken = adapter.EncodeToIds(Text, limit, out _, out int consumed);
            Assert.Equal((count, end), (taken.Count, consumed));
            Assert.Equal(ids.Take(count), taken);
            Assert.Equal(Text[..end], adapter.Decode(taken));
            int start = adapter.GetIndexByTokenCountFromEnd(Text, limit, out _, out int last);
            Assert.InRange(last, Math.Max(0, limit - 3 - 1), limit);
            Assert.Equal(Text[start..].TrimStart(), adapter.Decode(ids.Skip(ids.Count - last)).TrimStart());
        }
        Assert.Equal(ids.Count, adapter.EncodeToIds(Text, 1000, out _, out _).Count);
    }

    [Fact]
    public void Decoding_into_a_span_tells_what_fits()
    {
        var adapter = TokenizerFiles.Named("gpt2").AsTokenizer();
        var ids = adapter.EncodeToIds("ab 漢字");
        Span<char> destination = stackalloc char[16];
        Assert.Equal(OperationStatus.Done, adapter.Decode(ids, destination, out int consumed, out int written));
        Assert.Equal((ids.Count, "ab 漢字"), (consumed, destination[..written].ToString()));
        Assert.Equal(OperationStatus.DestinationTooSmall, adapter.Decode(ids, destination[..3], out consumed, out written));
        Assert.Equal(adapter.Decode(ids.Take(consumed)), destination[..written].ToString());
        Assert.Equal(OperationStatus.InvalidData, adapter.Decode([.. ids, 999_999], destination, out consumed, out _));
        Assert.Equal(ids.Count, consumed);
        Assert.Throws<ArgumentOutOfRangeException>(() => adapter.Decode([999_999]));
    }

    [Fact]
    public void Special_tokens_are_tokens_and_steps_of_the_model_are_not_left_out()
    {
        var adapter = TokenizerFiles.Named("qwen2").AsTokenizer();
        Assert.Equal("<|im_end|>", adapter.Decode(adapter.EncodeToIds("<|im_end|>")));
        Assert.Single(adapter.EncodeToIds("<|im_end|>"));
        Assert.Throws<NotSupportedException>(() => adapter.EncodeToIds("a", considerPreTokenization: false));
        Assert.Throws<NotSupportedException>(() => adapter.CountTokens("a", considerNormalization: false));
    }
}
