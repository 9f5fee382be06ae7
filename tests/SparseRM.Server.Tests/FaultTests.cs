using SparseRM.Errors;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;

namespace SparseRM.Server.Tests;

/// <summary>Whose doing a failure is, and who is told what of it.</summary>
public class FaultTests
{
    [Fact]
    public void What_is_the_server_s_doing_is_told_without_its_inside_and_keeps_it_for_the_log()
    {
        foreach (var error in (Exception[])[new IOException("/srv/secret"), new UnauthorizedAccessException("/srv/secret"), new ArgumentException("secret"), new NullReferenceException("secret"),
            new SparseRMException(ErrorKind.Device, "secret"), new ModelFormatException("/srv/secret", "broken")])
        {
            var fault = Fault.Of(error, "input[0]");
            Assert.Equal((FaultKind.Internal, error), (fault.Kind, fault.InnerException));
            Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_an_input_makes_of_its_template_is_the_client_s_doing()
    {
        var fault = Fault.OfEncoding(new ModelFormatException("model", "takes too much work"), "input[0]");
        Assert.Equal((FaultKind.Text, "input[0]"), (fault.Kind, fault.Field));
        Assert.Equal(FaultKind.Internal, Fault.OfEncoding(new IOException("x"), "input[0]").Kind);
        Assert.Equal(FaultKind.Text, Fault.Of(new SparseRMException("the text has half of a surrogate pair"), "input[0]").Kind);
    }

    [Fact]
    public void A_message_holds_no_character_that_a_terminal_obeys() => Assert.DoesNotContain('\u001b', new Fault(FaultKind.Field, "unknown field '\u001b[2J'").Message);
}
