namespace SparseRM.Text;

/// <summary>Texts of the special tokens as chat templates see them (<c>bos_token</c>, ...); null where the tokenizer has none.</summary>
/// <param name="Bos">Beginning of sequence.</param>
/// <param name="Eos">End of sequence.</param>
/// <param name="Pad">Padding.</param>
/// <param name="Unk">Unknown.</param>
public sealed record SpecialTokenNames(string? Bos = null, string? Eos = null, string? Pad = null, string? Unk = null);
