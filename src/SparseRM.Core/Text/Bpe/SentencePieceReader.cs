using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads a SentencePiece model (protobuf ModelProto of sentencepiece_model.proto): BPE with the identity normaliser.</summary>
internal sealed class SentencePieceReader
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Byte = 6;
    private readonly string _path;
    private readonly List<(string Text, float Score, int Type)> _pieces = [];
    private int _modelType = 1;
    private int _bosId = 1, _eosId = 2, _unknownId;
    private bool _byteFallback, _suffixBlank, _dummyPrefix = true, _removesExtra = true, _escapes = true, _hasCharsMap;
    private string _normalizer = "";

    private SentencePieceReader(string path) => _path = path;

    /// <summary>Reads and checks the file; <paramref name="isMark"/> tells which user-defined pieces are special tokens.</summary>
    public static TokenizerParts Read(string path, byte[] content, Func<string, bool> isMark)
    {
        var reader = new SentencePieceReader(path);
        try
        {
            reader.ReadModel(new CodedInputStream(content));
        }
        catch (Exception error) when (error is InvalidProtocolBufferException or IOException or ArgumentException)
        {
            throw new ModelFormatException(path,
                "neither lines of 'base64 rank' nor a whole SentencePiece model; copy the file again from where the model came from",
                error);
        }
        return reader.Build(isMark);
    }

    private TokenizerParts Build(Func<string, bool> isMark)
    {
        if (_pieces.Count == 0)
            throw new ModelFormatException(_path, "neither lines of 'base64 rank' nor a SentencePiece model with pieces");
        if (_modelType != 2)
            throw new ModelFormatException(_path, $"SentencePiece model type '{TypeName(_modelType)}' is not supported; BPE is");
        if (_hasCharsMap) throw new ModelFormatException(_path, $"SentencePiece normaliser '{_normalizer}' is not supported; identity is");
        if (_removesExtra) throw new ModelFormatException(_path, "SentencePiece setting remove_extra_whitespaces is not supported");
        if (_suffixBlank) throw new ModelFormatException(_path, "SentencePiece setting treat_whitespace_as_suffix is not supported");
        var vocabulary = new Dictionary<string, int>(_pieces.Count, StringComparer.Ordinal);
        var reserved = new HashSet<string>(StringComparer.Ordinal);
        var marks = new List<AddedToken>();
        var userDefined = new List<AddedToken>();
        var byteIds = new int[256];
        Array.Fill(byteIds, -1);
        for (int id = 0; id < _pieces.Count; id++)
        {
            var (text, score, type) = _pieces[id];
            if (text.Length == 0 || float.IsNaN(score)) throw new ModelFormatException(_path, $"piece {id} has no text or no score");
            // Two lists, as in SentencePiece; a mark that is in both would be two tokens of one text.
            if ((type is Normal or UserDefined ? !vocabulary.TryAdd(text, id) : !reserved.Add(text)) || (type == UserDefined && isMark(text) && !reserved.Add(text)))
                throw new ModelFormatException(_path, $"piece '{text}' is there twice");
            if (type is Control or Unknown || (type == UserDefined && isMark(text))) marks.Add(new AddedToken(id, text, Special: true));
            else if (type == UserDefined) userDefined.Add(new AddedToken(id, text, Special: false));
            else if (type == Byte) byteIds[ByteOf(text)] = id;
            else if (type != Normal) throw new ModelFormatException(_path, $"piece '{text}' has type {type}, which is not supported");
        }
        if (_byteFallback && byteIds.Contains(-1)) throw new ModelFormatException(_path, "byte_fallback is on, but a byte has no piece");
        var pipeline = new TokenizerPipeline();
        if (_dummyPrefix) pipeline.AddPrefix($"{TokenizerPipeline.Blank}");
        if (_escapes) pipeline.AddReplacement(" ", $"{TokenizerPipeline.Blank}");
        var model = new BpeModel(vocabulary, new(PieceMerges.Of(vocabulary, Results(), _path)))
        {
            ByteIds = _byteFallback ? byteIds : null,
            UnknownId = _unknownId >= 0 && _unknownId < _pieces.Count ? _unknownId : null,
            FusesUnknown = true,
            Special = [],
        };
        var encoder = new PipelineEncoder(pipeline, model, userDefined.ConvertAll(token => (token, token.Content)), []) { Pieces = userDefined };
        return new TokenizerParts(encoder, marks, [.. marks.Select(mark => mark.Id)], new TextEnds(Name(_bosId), Name(_eosId), null, null));
    }

    // The merge that makes a piece of higher score goes first; equal scores share a rank, and then the leftmost pair goes first.
    private IEnumerable<(string Piece, int Id, int Rank)> Results()
    {
        var rankOfScore = new Dictionary<float, int>();
        foreach (float score in _pieces.Where(piece => piece.Type == Normal).Select(piece => piece.Score).Distinct().OrderDescending())
            rankOfScore.Add(score, rankOfScore.Count);
        for (int id = 0; id < _pieces.Count; id++)
            if (_pieces[id].Type == Normal) yield return (_pieces[id].Text, id, rankOfScore[_pieces[id].Score]);
    }

    private string? Name(int id) => id >= 0 && id < _pieces.Count && _pieces[id].Type == Control ? _pieces[id].Text : null;

    private int ByteOf(string text)
    {
        if (text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
            && Convert.FromHexString(text.AsSpan(3, 2), new byte[1], out _, out _) == System.Buffers.OperationStatus.Done)
            return Convert.FromHexString(text.AsSpan(3, 2))[0];
        throw new ModelFormatException(_path, $"byte piece '{text}' is not <0xHH>");
    }

    private static string TypeName(int type) => type switch { 1 => "unigram", 3 => "word", 4 => "char", _ => $"{type}" };

    private void ReadModel(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: ReadPiece(Inner(input)); break;
                case 2: ReadTrainer(Inner(input)); break;
                case 3: ReadNormalizer(Inner(input)); break;
                default: input.SkipLastField(); break;
            }
    }

    private void ReadPiece(CodedInputStream input)
    {
        var (text, score, type) = ("", 0f, Normal);
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: text = Utf8(input.ReadBytes()); break;
                case 2: score = BinaryPrimitives.ReadSingleLittleEndian(BitConverter.GetBytes(input.ReadFixed32())); break;
                case 3: type = input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        _pieces.Add((text, score, type));
    }

    private void ReadTrainer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 3: _modelType = input.ReadEnum(); break;
                case 24: _suffixBlank = input.ReadBool(); break;
                case 35: _byteFallback = input.ReadBool(); break;
                case 40: _unknownId = input.ReadInt32(); break;
                case 41: _bosId = input.ReadInt32(); break;
                case 42: _eosId = input.ReadInt32(); break;
                default: input.SkipLastField(); break;
            }
    }

    private void ReadNormalizer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: _normalizer = Utf8(input.ReadBytes()); break;
                case 2: _hasCharsMap = input.ReadBytes().Length > 0; break;
                case 3: _dummyPrefix = input.ReadBool(); break;
                case 4: _removesExtra = input.ReadBool(); break;
                case 5: _escapes = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
    }

    private static CodedInputStream Inner(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private string Utf8(ByteString bytes)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.Span);
        }
        catch (DecoderFallbackException error)
        {
            throw new ModelFormatException(_path, $"piece {_pieces.Count} is not UTF-8", error);
        }
    }
}
