using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;
using SparseRM.Text.Bpe;
using SparseRM.Text.Jinja;
using SparseRM.Weights;

namespace SparseRM.Text;

/// <summary>A chat template: Jinja that writes a dialogue as the text that a model was trained on. Executed by an interpreter of ours;
/// thread-safe.</summary>
/// <remarks>
/// Blocks are trimmed as transformers does (trim_blocks, lstrip_blocks). Variables: <c>messages</c> (role, content and every other field of a
/// message), <c>bos_token</c>, <c>eos_token</c>, <c>pad_token</c>, <c>unk_token</c> where the tokenizer has them,
/// <c>add_generation_prompt</c>, <c>tools</c> and <c>documents</c> (none unless they are given), and every other argument.
/// <c>strftime_now</c> gives 26 July 2024 unless the argument <c>date_string</c> names another day, so that a reward does not depend on the
/// day. Filters, tests, tags and functions that are not known are refused by name.
/// </remarks>
public sealed class ChatTemplate
{
    /// <summary>Names that <see cref="Named"/> knows beside files.</summary>
    public static readonly IReadOnlyList<string> Names = ["gemma", "gemma3", "llama3", "llama3_1", "qwen2_5", "qwen3", "chatml", "none"];

    private static readonly SearchValues<char> s_roleCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_- ");
    private const int LargestSource = 1 << 20;
    private const string AddGenerationPrompt = "add_generation_prompt", ContinueFinalMessage = "continue_final_message";
    private readonly string _origin;
    private readonly List<Statement> _statements;
    private readonly (string Name, TracedText Text)[] _tokenTexts;
    private readonly TemplateReads _fields = new(), _arguments = new();
    private readonly JinjaScope _functions;

    private ChatTemplate(string name, string source, SpecialTokenNames tokens, string origin)
    {
        if (source.Length > LargestSource)
            throw new ModelFormatException(origin, $"the chat template has {source.Length:N0} characters, more than {LargestSource:N0}");
        for (int i = 0; i < source.Length; i++)
            if (i + 1 < source.Length && char.IsSurrogatePair(source, i)) i++;
            else if (char.IsSurrogate(source[i]))
                throw new ModelFormatException(origin, $"character {i} of the chat template is half of a surrogate pair; copy the template again from where it came from");
        (Name, Source, _origin) = (name, source, origin);
        (string Name, string? Text)[] special = [("bos_token", tokens.Bos), ("eos_token", tokens.Eos), ("pad_token", tokens.Pad), ("unk_token", tokens.Unk)];
        _tokenTexts = [.. special.Where(token => token.Text is not null).Select(token => (token.Name, TracedText.Of(token.Text!)))];
        _statements = JinjaParser.Parse(origin, source);
        _functions = JinjaFunctions.Scope(Name, null);
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source)));
    }

    /// <summary>What the template is called: a built-in name, a file's name, or <c>model</c> for a model's own.</summary>
    public string Name { get; }

    /// <summary>The Jinja source.</summary>
    public string Source { get; }

    /// <summary>SHA-256 of the source as UTF-8, in hexadecimal.</summary>
    public string Fingerprint { get; }

    /// <summary>Fields of messages that were given and that no render so far has read, in alphabetical order: they cannot have changed a
    /// score.</summary>
    public IReadOnlyList<string> UnreadFields => _fields.Unread;

    /// <summary>Arguments that were given and that no render so far has read, in alphabetical order.</summary>
    public IReadOnlyList<string> UnreadArguments => _arguments.Unread;

    /// <summary>Parses a source; <paramref name="name"/> appears in refusals.</summary>
    /// <exception cref="ModelFormatException">The source is not Jinja, or uses what is not known.</exception>
    public static ChatTemplate Parse(string name, string source, SpecialTokenNames? tokens = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(name, source, tokens ?? new SpecialTokenNames(), name);
    }

    /// <summary>A model's own template: chat_template.jinja, else <c>chat_template</c> of tokenizer_config.json (a string, or a list of
    /// which <c>default</c> is taken).</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="tokens">Texts of the special tokens; null takes them from tokenizer_config.json and special_tokens_map.json.</param>
    /// <returns>The template, or null where the folder has none.</returns>
    /// <exception cref="ModelFormatException">A file is corrupt, or the template uses what is not known.</exception>
    public static ChatTemplate? FromFolder(string folder, SpecialTokenNames? tokens = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (tokens is null)
        {
            var config = TokenizerConfig.Read(folder);
            tokens = new SpecialTokenNames(config.Name("bos_token", null), config.Name("eos_token", null), config.Name("pad_token", null),
                config.Name("unk_token", null));
        }
        string file = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(file)) return new ChatTemplate("model", ReadFile(file), tokens, file);
        string path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path)) return null;
        return FromConfig(StrictJson.OpenObject(path, JsonMembers.MaxFileLength), path) is { } source ? new ChatTemplate("model", source, tokens, path) : null;
    }

    /// <summary>A template by name (<see cref="Names"/>) or the path of a file.</summary>
    /// <param name="nameOrFile">One of <see cref="Names"/>, or a file with Jinja source. <c>none</c> writes the contents with newlines
    /// between them.</param>
    /// <param name="tokens">Texts of the tokenizer's special tokens.</param>
    /// <exception cref="SparseRMException">Neither a name nor a file.</exception>
    public static ChatTemplate Named(string nameOrFile, SpecialTokenNames tokens)
    {
        ArgumentNullException.ThrowIfNull(nameOrFile);
        ArgumentNullException.ThrowIfNull(tokens);
        if (Names.Contains(nameOrFile))
        {
            using var stream = typeof(ChatTemplate).Assembly.GetManifestResourceStream($"SparseRM.Text.Templates.{nameOrFile}.jinja")!;
            using var reader = new StreamReader(stream);
            return new ChatTemplate(nameOrFile, reader.ReadToEnd(), tokens, nameOrFile);
        }
        if (File.Exists(nameOrFile)) return new ChatTemplate(Path.GetFileName(nameOrFile), ReadFile(nameOrFile), tokens, nameOrFile);
        throw new SparseRMException($"'{nameOrFile}' is neither a chat template that is known ({string.Join(", ", Names)}) nor a file");
    }

    /// <summary>Writes a dialogue as text, with the origin of every character.</summary>
    /// <param name="messages">The turns, oldest first; the last one is the answer.</param>
    /// <param name="addGenerationPrompt">Whether the template is asked to open an assistant's turn at the end.</param>
    /// <param name="arguments">Variables beside the messages: <c>tools</c>, <c>documents</c> and others by name; null for none.</param>
    /// <param name="cancellationToken">Ends the render, within some thousand steps.</param>
    /// <exception cref="SparseRMException">The template refuses the dialogue (its own words are in the message), a role is not a plain
    /// word, or a field or argument cannot be passed on.</exception>
    /// <exception cref="ModelFormatException">The template uses what is not known, or takes too much work, memory or depth.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public RenderedDialogue Render(IReadOnlyList<Message> messages, bool addGenerationPrompt = false, JsonFields? arguments = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        cancellationToken.ThrowIfCancellationRequested();
        var input = new JinjaInput();
        var turns = new List<object?>(messages.Count);
        for (int i = 0; i < messages.Count; i++) turns.Add(ToValue(messages[i], i, input));
        var given = arguments is null ? [] : Read(arguments, input);
        var functions = given.FindLast(argument => argument.Name == "date_string") is { Name: not null } day ? JinjaFunctions.Scope(Name, day.Value) : _functions;
        var variables = new JinjaScope(functions, arguments is null ? null : _arguments.Read);
        variables.Set("messages", new JinjaList(turns));
        variables.Set(AddGenerationPrompt, addGenerationPrompt);
        variables.Set("tools", null);
        variables.Set("documents", null);
        foreach (var (name, token) in _tokenTexts) variables.Set(name, token);
        foreach (var (name, value) in given) variables.Set(name, value);
        var text = JinjaEvaluator.Render(_origin, _statements, variables, new JinjaBudget(input.Characters, input.Values, cancellationToken));
        return new RenderedDialogue(text.Text, text.Spans(), messages.Count - 1);
    }

    private List<(string Name, object? Value)> Read(JsonFields arguments, JinjaInput input)
    {
        var given = input.Members(arguments.Value, TextSpan.Argument, "the template's arguments");
        // Said to be off is what is done anyway.
        given.RemoveAll(argument => argument is { Value: false, Name: AddGenerationPrompt or ContinueFinalMessage });
        foreach (var (name, _) in given)
        {
            if (NotAnArgument(name) is { } why) throw new SparseRMException($"the template's arguments hold '{name}', {why}; leave it out");
            _arguments.Give(name);
        }
        return given;
    }

    // Each of these would make another text of the dialogue than the one that rewards were fitted on, or be passed over.
    private string? NotAnArgument(string name) => name switch
    {
        "messages" => "which is the dialogue itself",
        "chat_template" => "and templates come from the model's owner only",
        "bos_token" or "eos_token" or "pad_token" or "unk_token" => "which is the tokenizer's",
        AddGenerationPrompt or ContinueFinalMessage => "which continues a prompt, and a reward reads a finished answer",
        _ => _functions.Get(name) is JinjaUndefined ? null : "which is a function of templates",
    };

    // The role is written by the template as its own text, where a mark would be a token: so it must be a word.
    private JinjaDict ToValue(Message message, int index, JinjaInput input)
    {
        if (string.IsNullOrEmpty(message.Role) || message.Role.AsSpan().ContainsAnyExcept(s_roleCharacters))
            throw new SparseRMException($"message {index} has the role '{JinjaEvaluator.Shown(message.Role ?? "")}', expected a word such as user, assistant or system");
        var fields = message.Fields is null ? [] : input.Members(message.Fields.Value, index, $"message {index}");
        if (message.Content is null && fields.Count == 0) throw new SparseRMException($"message {index} has no content");
        if (fields.Exists(field => field.Name == "role" || (field.Name == "content" && (field.Value is not null || message.Content is not null))))
            throw new SparseRMException($"message {index} has its role or content twice");
        List<string> names = [.. fields.Select(field => field.Name)];
        if (message.Content is not null) names.Add("content");
        foreach (string name in names) _fields.Give(name);
        var value = new JinjaDict(index, name =>
        {
            if (name is not null) _fields.Read(name);
            else names.ForEach(_fields.Read);
        });
        value.Set("role", TracedText.Of(message.Role));
        if (message.Content is not null) value.Set("content", input.Text(message.Content, index));
        else if (names.Contains("content")) value.Set("content", null);
        foreach (var (name, field) in fields) value.Set(TracedText.Of(name, index), field);
        return value;
    }

    private static string? FromConfig(JsonElement config, string path)
    {
        if (!config.TryGet("chat_template", out var template)) return null;
        if (template.ValueKind == JsonValueKind.String) return template.GetString();
        if (template.ValueKind != JsonValueKind.Array) throw new ModelFormatException(path, "chat_template is neither a string nor a list");
        foreach (var entry in template.EnumerateArray())
            if (entry.ValueKind == JsonValueKind.Object && entry.Text("name", path) == "default")
                return entry.Text("template", path) ?? throw new ModelFormatException(path, "chat_template 'default' has no template");
        throw new ModelFormatException(path, "chat_template is a list without an entry named 'default'");
    }

    private static string ReadFile(string path)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(InputFile.ReadAll(path, JsonMembers.MaxFileLength)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new ModelFormatException(path, $"the chat template cannot be read ({error.Message})", error);
        }
    }
}
